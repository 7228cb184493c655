"""Addresses in From and its like (features 8.05)."""

import time
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.mail.addresses import addresses_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice@a.test", ("alice@a.test",)),
        ("Alice <alice@a.test>", ("alice@a.test",)),
        ('"Doe, John" <john@a.test>, Eve <eve@b.test>', ("john@a.test", "eve@b.test")),
        ("alice@a.test (Alice, of <nobody@x.test>), eve@b.test", ("alice@a.test", "eve@b.test")),
        ("bad@b.test <good@a.test>", ("good@a.test",)),
        ("friends: ann@a.test, Bob <bob@b.test>;, eve@c.test", ("ann@a.test", "bob@b.test", "eve@c.test")),
        ("<@relay.test,@x.test:alice@a.test>", ("alice@a.test",)),
        ('"odd @ one"@a.test', ("odd @ one@a.test",)),
        (r'"q\"x"@a.test', ('q"x@a.test',)),
        ("alice @ a . test", ("alice@a.test",)),
        ("<alice@a.test", ("alice@a.test",)),
        ("undisclosed-recipients:;", ()),
        ("", ()),
        ("nobody", ()),
        ("((( alice@a.test", ()),
        ("<>", ()),
    ],
)
def test_addresses(text: str, expected: tuple[str, ...]) -> None:
    """Features 8.05: each of several addresses, whatever is written around them."""
    assert addresses_in(text) == expected


LOCALS = st.from_regex(r"\A[a-z0-9.+-]{1,8}\Z").filter(lambda local: ".." not in local and local.strip(".") == local)
MAILBOXES = st.tuples(
    st.sampled_from(["", "Ann", '"Doe, J."', '"a@b" c']), LOCALS, st.sampled_from(["a.test", "b.example.test"])
).map(lambda parts: f"{parts[0]} <{parts[1]}@{parts[2]}>" if parts[0] else f"{parts[1]}@{parts[2]}")


@given(st.lists(MAILBOXES, min_size=1, max_size=5))
def test_as_the_standard_library_reads_them(mailboxes: list[str]) -> None:
    """Sound lists are read as `email.utils` reads them."""
    text = ", ".join(mailboxes)
    assert list(addresses_in(text)) == [address for _, address in getaddresses([text])]


@given(st.text(alphabet='ab@<>(),;:"\\ \udc80', max_size=60))
def test_anything_is_read(text: str) -> None:
    """Hostile input is the normal case: no exception, and only what has both parts."""
    assert all("@" in address for address in addresses_in(text))


@pytest.mark.parametrize("piece", ["(", "<", '"', "a@b,", "\\", "@", "a "])
def test_effort_is_bounded(piece: str) -> None:
    """Design rule 5: a megabyte costs no more than its first part."""
    start = time.process_time()
    addresses_in(piece * 1_000_000)
    assert time.process_time() - start < 2
