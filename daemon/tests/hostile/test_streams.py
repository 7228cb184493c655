"""Any octets, cut anywhere: the server makes of them what is plainly in them (design rule 5; B6.12, features 18.19).

This is the short form of `python -m fuzz.smtp_session`: the same function, on what the fuzzer keeps and on more of
that kind.
"""

import itertools
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

import fuzz
from fuzz.streams import Prober, make_settings, quiet

FUZZ = Path(fuzz.__file__).parent
CORPUS = sorted((FUZZ / "corpus").iterdir())
WORDS = [
    word.encode("latin-1").decode("unicode_escape").encode("latin-1")
    for word in re.findall(r'^"(.*)"$', (FUZZ / "smtp.dict").read_text(), re.MULTILINE)
]
ENVELOPE = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
HIDDEN = b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<victim@d.example>\r\nDATA\r\nevil\r\n"
LINE_ENDS = [
    b"",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\r",
    b"\r\r\n",
    b"\r\n\n",
    b"\0\r\n",
    b"\r\0\n",
    b"\r\n\0",
    b" \r\n",
    b"\x85",
]
FAKE_ENDS = [
    before + b"." + after
    for before, after in itertools.product(LINE_ENDS, LINE_ENDS)
    if b"\r\n.\r\n" not in before + b"." + after
]


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    level = logging.getLogger("mailcordon").level
    quiet()
    made = Prober(make_settings(TEMPBASE="/nonexistent"))
    yield made
    made.close()
    logging.getLogger("mailcordon").setLevel(level)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
@pytest.mark.parametrize("sizes", [None, b"\1", b"\2\3\1", b"\x7f"], ids=["as kept", "1", "2 3 1", "127"])
def test_kept_inputs(prober: Prober, path: Path, sizes: bytes | None) -> None:
    """Contract B6.12: each input that the fuzzer keeps, in pieces as it says and in others."""
    octets = path.read_bytes()
    prober.check(octets[4:], octets[:4] if sizes is None else sizes)


STREAMS = st.lists(st.sampled_from([*WORDS, ENVELOPE, HIDDEN, b"\r\n"]) | st.binary(max_size=12), max_size=40)


@effort(max_examples=400, deadline=None)
@given(pieces=STREAMS, sizes=st.binary(max_size=6))
def test_any_stream_in_any_pieces(prober: Prober, pieces: list[bytes], sizes: bytes) -> None:
    """Design rule 5: the same replies and the same messages in one piece and in many, and those that must come."""
    prober.check(b"".join(pieces), sizes)


@effort(max_examples=100, deadline=None)
@given(
    bodies=st.lists(st.lists(st.sampled_from(WORDS) | st.binary(max_size=12), max_size=12).map(b"".join), max_size=4),
    sizes=st.binary(max_size=6),
)
def test_what_is_stuffed_comes_out_byte_for_byte(prober: Prober, bodies: list[bytes], sizes: bytes) -> None:
    """Design rule 3: messages of any octets, pipelined one behind the other, and no more than were sent."""
    stream = b"".join(ENVELOPE + (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:] + b"\r\n.\r\n" for body in bodies)
    seen = prober.check(stream + b"QUIT\r\n", sizes)
    assert [message.octets for message in seen.messages] == [body + b"\r\n" for body in bodies]
    assert {message.envelope.sender for message in seen.messages} <= {"a@b.example"}


def test_every_fake_end_of_data_wherever_it_is_cut(prober: Prober) -> None:
    """Features 18.19, contract B6.12: with every line end of {nothing, LF, CR, NUL, ...} around the dot but CR LF
    on both sides, cut at every place: one message, with all that was hidden in it."""
    assert len(FAKE_ENDS) > 100
    for fake_end in FAKE_ENDS:
        text = b"first" + fake_end + HIDDEN
        stream = ENVELOPE + text + b".\r\nNOOP\r\n"
        content = text.replace(b"\r\n.", b"\r\n")
        around = len(ENVELOPE) + len(b"first")
        cuts = [[stream], *([stream[:at], stream[at:]] for at in range(around, around + len(fake_end) + 2))]
        for pieces in cuts:
            seen = prober.play(pieces)
            assert [message.octets for message in seen.messages] == [content], (fake_end, pieces)
            assert seen.replies.endswith(b"\r\n250 2.0.0 Ok NOOP\r\n")


@pytest.mark.parametrize("at", range(8))
def test_the_real_end_of_data_wherever_it_is_cut(prober: Prober, at: int) -> None:
    """The harmless twin: CR LF . CR LF ends the message, and what follows are commands."""
    stream = ENVELOPE + b"first\r\n.\r\n" + HIDDEN + b".\r\n"
    cut = len(ENVELOPE) + len(b"firs") + at
    seen = prober.play([stream[:cut], stream[cut:]])
    assert [(message.octets, message.envelope.sender) for message in seen.messages] == [
        (b"first\r\n", "a@b.example"),
        (b"evil\r\n", "evil@b.example"),
    ]


def test_a_wrong_server_would_be_found(prober: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself: a decoder that takes a bare LF for a line end fails it."""
    monkeypatch.setattr("mailcordon.receive.dot_stuffing._END_OF_DATA", b"\n.\n")
    with pytest.raises(AssertionError, match="messages of"):
        prober.check(ENVELOPE + b"first\n.\n" + HIDDEN + b".\r\n", b"")
