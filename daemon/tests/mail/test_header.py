"""The header section by octets (design rules 3 and 5)."""

from hypothesis import given
from hypothesis import strategies as st

from mailcordon.mail.header import MAX_FIELDS, MAX_SEARCHED, HeaderSection


def test_fields_are_unfolded_and_found_by_name() -> None:
    """Names match without regard to case; a fold becomes the white space that follows it."""
    header = HeaderSection.of(b"Subject: one\r\n two\r\nX-A: 1\r\nx-a: 2\r\n\r\nbody")
    assert header.text("subject") == "one two"
    assert [field.text for field in header.all("X-A")] == ["1", "2"]
    assert header.octets == b"Subject: one\r\n two\r\nX-A: 1\r\nx-a: 2\r\n"
    assert header.body_start == len(header.octets) + 2


def test_message_without_header() -> None:
    """An empty line at once: everything else is body."""
    for octets, body_start in ((b"\r\nSubject: no field\r\n", 2), (b"\n\nbody", 1), (b"\r\n\r\nbody", 2)):
        header = HeaderSection.of(octets)
        assert (header.fields, header.octets, header.body_start) == ((), b"", body_start)


def test_message_without_body() -> None:
    """No empty line: all is header."""
    header = HeaderSection.of(b"Subject: x\r\n")
    assert header.text("Subject") == "x"
    assert header.body_start == 12


def test_hostile_number_of_fields_is_bounded() -> None:
    """Design rule 5: a million fields make no million objects; nothing of them is lost."""
    octets = b"a:\r\n" * 1_000_000
    header = HeaderSection.of(octets + b"\r\n")
    assert len(header.fields) == MAX_FIELDS + 1
    assert header.octets == octets
    assert header.fields[-1].end == len(octets)


def test_endless_header_is_not_searched_to_its_end() -> None:
    """Design rule 5: fields far beyond any real header section are not told apart."""
    header = HeaderSection.of(b"A: 1\r\n " + b"x" * MAX_SEARCHED + b"\r\nB: 2\r\n\r\n")
    assert [field.name for field in header.fields] == ["A"]


@given(st.binary(max_size=200))
def test_parsing_never_fails(octets: bytes) -> None:
    """Whatever it is, header and body together are the message."""
    header = HeaderSection.of(octets)
    assert octets.startswith(header.octets)
    assert all(field.end <= len(header.octets) for field in header.fields)
    assert header.body_start <= len(octets)
