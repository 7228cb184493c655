"""Any octets as a message and as an attachment (design rule 5, features 7.10, 18.19).

This is the short form of `python -m fuzz.mime` and `python -m fuzz.unpack`: the same functions, on what the fuzzers
keep and on more of that kind.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

import fuzz
from fuzz.attachments import Prober
from fuzz.messages import check
from mailcordon.unpack.job import Member

FUZZ = Path(fuzz.__file__).parent
MESSAGES = sorted((FUZZ / "corpus_mime").iterdir())
ATTACHMENTS = sorted((FUZZ / "corpus_unpack").iterdir())


def words(dictionary: str) -> list[bytes]:
    """Those of a file in libFuzzer's form."""
    lines = re.findall(r'^"(.*)"$', (FUZZ / dictionary).read_text(), re.MULTILINE)
    return [line.encode("latin-1").decode("unicode_escape").encode("latin-1") for line in lines]


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    made = Prober()
    yield made
    made.close()


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.name)
def test_kept_messages(path: Path) -> None:
    octets = path.read_bytes()
    for end in range(len(octets) + 1):
        check(octets[:end])


@effort(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(words("mime.dict")) | st.binary(max_size=8), max_size=40).map(b"".join))
def test_any_message(octets: bytes) -> None:
    check(octets)


@effort(max_examples=300, deadline=None)
@given(
    octets=st.sampled_from([path.read_bytes() for path in MESSAGES]),
    word=st.sampled_from(words("mime.dict")),
    share=st.floats(0, 1),
)
def test_message_with_something_put_in(octets: bytes, word: bytes, share: float) -> None:
    at = int(share * len(octets))
    check(octets[:at] + word + octets[at:])


@pytest.mark.parametrize("path", ATTACHMENTS, ids=lambda path: path.name)
def test_kept_attachments(path: Path, prober: Prober) -> None:
    """Also under every other name and type."""
    octets = path.read_bytes()
    for kind in (octets[0], *range(0, 32, 5)):
        prober.check(octets[1:], kind)


@effort(max_examples=150, deadline=None)
@given(
    octets=st.sampled_from([path.read_bytes() for path in ATTACHMENTS]),
    changed=st.binary(min_size=1, max_size=4),
    share=st.floats(0, 1),
    cut=st.booleans(),
)
def test_damaged_attachment(prober: Prober, octets: bytes, changed: bytes, share: float, cut: bool) -> None:
    """Some octets are others, and what follows may be gone."""
    at = 1 + int(share * (len(octets) - 1))
    rest = b"" if cut else octets[at + len(changed) :]
    prober.check(octets[1:at] + changed + rest, octets[0])


def test_a_wrong_decoder_would_be_found(prober: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself: a member outside of the directory fails it."""
    octets = (FUZZ / "corpus_unpack" / "zip").read_bytes()
    assert any(isinstance(record, Member) for record in prober.check(octets[1:]))
    monkeypatch.setattr("mailcordon.unpack.decoding.sink.Sink._next_path", lambda sink: sink.directory / "../outside")
    with pytest.raises(AssertionError):
        prober.check(octets[1:])
