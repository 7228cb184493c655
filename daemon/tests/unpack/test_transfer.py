"""Content transfer encodings (RFC 2045 section 6)."""

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.mail.part import Part
from mailcordon.unpack import decoded


def decode(body: bytes, encoding: str) -> bytes:
    octets = b"X: y\r\n\r\n" + body + b"\r\n--b"
    part = Part("1", 0, 8, 8 + len(body), encoding=encoding)
    return decoded(memoryview(octets), part)


@given(st.binary(max_size=500))
def test_base64_round_trip(octets: bytes) -> None:
    assert decode(base64.encodebytes(octets).replace(b"\n", b"\r\n"), "base64") == octets


@given(st.binary(max_size=200))
def test_quoted_printable_round_trip(octets: bytes) -> None:
    assert decode(quopri.encodestring(octets, quotetabs=True), "quoted-printable") == octets


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (b"SGVsbG8", b"Hello"),
        (b"SGVs bG8=", b"Hello"),
        (b"SGV\x00s!bG8=", b"Hello"),
        (b"SGVsbG8=SGVsbG8=", b"HelloHello"),
        (b"SGVsbG8===\r\nSGVsbG8", b"HelloHello"),
        (b"SGVsA", b"Hel"),
        (b"=", b""),
        (b"", b""),
    ],
)
def test_broken_base64_decodes_as_far_as_it_can(body: bytes, result: bytes) -> None:
    assert decode(body, "base64") == result


@given(st.binary(max_size=200), st.sampled_from(["base64", "quoted-printable", "8bit", "x-unknown"]))
def test_never_raises(body: bytes, encoding: str) -> None:
    assert isinstance(decode(body, encoding), bytes)


def test_other_encodings_leave_the_body_alone() -> None:
    for encoding in ("7bit", "8bit", "binary", "x-unknown"):
        assert decode(b"a=\r\n=41", encoding) == b"a=\r\n=41"
