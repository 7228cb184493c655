"""AM.PDP on the wire (contracts B1.02 to B1.05, B21.14; features 6.14)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.errors import ProtocolError
from mailcordon.receive.ampdp_codec import (
    LINE_LIMIT,
    LINES_LIMIT,
    Attribute,
    RequestParser,
    decode,
    encode_attribute,
    encode_response,
)


def parse(octets: bytes, *, step: int = 0) -> list[list[Attribute]]:
    """All requests in `octets`, fed in pieces."""
    parser = RequestParser()
    found = []
    size = step or max(1, len(octets))
    for start in range(0, len(octets), size):
        parser.feed(octets[start : start + size])
        more = True
        while more:
            request, more = parser.next_request()
            if request is not None:
                found.append(request)
    return found


@pytest.mark.parametrize("step", [0, 1, 7])
def test_forms_of_lines(step: int) -> None:
    """B1.02, B1.03: CR LF or LF, `=` or `: `, order kept, several requests."""
    octets = b"request=a\r\nrecipient: <x>\nrecipient=<y>\r\n\r\n\r\nrequest:b\n\nrequest=c\r\n"
    assert parse(octets, step=step) == [
        [("request", b"a"), ("recipient", b"<x>"), ("recipient", b"<y>")],
        [("request", b"b")],
    ]


def test_what_is_no_attribute_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """B1.05: with a few lines in the log, however many there are."""
    assert parse(b"request=a\n" + b"nonsense\n" * 100 + b"=x\n\n") == [[("request", b"a")]]
    assert 1 <= len(caplog.records) <= 5


def test_encoding() -> None:
    """B1.04: names, values, fields with one space between them; either case is read."""
    assert encode_attribute("a b", "x y", "%\r\n\xe9=:") == b"a%20b=x%20y %25%0D%0A%C3%A9=:\r\n"
    assert encode_attribute("setreply", "250", "2.6.0", "Ok, id=1") == b"setreply=250 2.6.0 Ok,%20id=1\r\n"
    assert decode(b"%3cx%3E%zz%") == b"<x>%zz%"


@given(st.lists(st.tuples(st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True), st.text(max_size=40)), min_size=1))
def test_what_is_encoded_is_read_again(attributes: list[tuple[str, str]]) -> None:
    """B1.04: for any text."""
    octets = encode_response([(name, value.encode("utf-8", "replace").decode()) for name, value in attributes])
    (request,) = parse(octets)
    assert [(name, decode(value)) for name, value in request] == [
        (name, value.encode("utf-8", "replace")) for name, value in attributes
    ]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_octets(octets: bytes, step: int) -> None:
    """Features 6.14: nothing but ProtocolError, and the same whatever pieces they come in."""
    assert parse(octets, step=step) == parse(octets)


@pytest.mark.parametrize(
    "octets",
    [b"x" * (LINE_LIMIT + 2), b"x" * (LINE_LIMIT + 2) + b"\n", b"a=b\n" * (LINES_LIMIT + 1), b"a" * 16_000 + b"\n"],
)
def test_limits(octets: bytes) -> None:
    """B21.14: a line, the number of lines, the whole request."""
    with pytest.raises(ProtocolError):
        parse(octets * (1 if len(octets) != 16_001 else 80), step=4096)
