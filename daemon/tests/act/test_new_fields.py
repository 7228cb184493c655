"""New header fields: harmless whatever their values hold (features 18.19, RFC 5322, RFC 2047)."""

import re
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.act.fields import make_field
from mailcordon.mail.header import HeaderSection


def test_short_field_is_one_line() -> None:
    assert (
        make_field("X-Virus-Scanned", "mailcordon at example.test")
        == b"X-Virus-Scanned: mailcordon at example.test\r\n"
    )


def test_requested_folds_and_missing_white_space() -> None:
    """B9.03: X-Spam-Status is folded where the maker of the field says so, whether or not white space follows."""
    assert make_field("X-Spam-Status", "No, score=1\ntests=[A=1]\n autolearn=no") == (
        b"X-Spam-Status: No, score=1\r\n tests=[A=1]\r\n autolearn=no\r\n"
    )


def test_long_text_is_folded_at_78() -> None:
    octets = make_field("X-Spam-Status", "tests=[" + ", ".join(f"RULE_{n}=0.1" for n in range(100)) + "]")
    lines = octets.split(b"\r\n")
    assert len(lines) > 10
    assert max(map(len, lines)) <= 78
    assert (
        octets.replace(b"\r\n ", b" ")
        == b"X-Spam-Status: tests=[" + b", ".join(f"RULE_{n}=0.1".encode() for n in range(100)) + b"]\r\n"
    )


@pytest.mark.parametrize(
    "evil", ["a\r\nBcc: x@y", "a\nBcc: x@y", "a\rBcc: x@y", "a\n\nbody", "a\x00b\x85c\u2028d", "\n \t\n"]
)
def test_values_cannot_bring_a_line_of_their_own(evil: str) -> None:
    """A virus name or address with line breaks stays inside its field."""
    header = HeaderSection.of(make_field("X-Amavis-Alert", evil) + b"\r\n")
    assert [field.name for field in header.fields] == ["X-Amavis-Alert"]
    assert header.body_start == len(make_field("X-Amavis-Alert", evil)) + 2


def test_non_ascii_words_are_encoded_and_the_rest_is_not() -> None:
    octets = make_field("X-Amavis-Alert", "INFECTED, message contains virus: Würm Ä 世界, Plain.Name")
    assert octets.isascii()
    assert octets.startswith(b"X-Amavis-Alert: INFECTED, message contains virus:\r\n =?utf-8?B?")
    assert octets.endswith(b" Plain.Name\r\n")
    text = str(make_header(decode_header(octets.decode().partition(": ")[2].replace("\r\n", ""))))
    assert text == "INFECTED, message contains virus: Würm Ä 世界, Plain.Name"


def test_octets_that_are_no_utf8_are_survived() -> None:
    assert make_field("X", b"\xff\xfe".decode("utf-8", "surrogateescape")).isascii()


def test_plain_utf8_where_asked_for() -> None:
    assert (
        make_field("X-Envelope-To", "<jörg@example.test>", encode=False)
        == "X-Envelope-To: <jörg@example.test>\r\n".encode()
    )


@given(st.text(max_size=40), st.text(max_size=3000))
def test_any_name_and_value_give_one_sound_field(name: str, body: str) -> None:
    """Property: one field, lines within limits, only CR LF as line end, no line of white space only."""
    octets = make_field(name, body)
    assert octets.endswith(b"\r\n")
    *lines, last = octets.split(b"\r\n")
    assert last == b""
    for number, line in enumerate(lines):
        assert len(line) <= 998
        assert not re.search(rb"[\r\n\x00]", line)
        if number:
            assert line.startswith((b" ", b"\t"))
            assert line.strip()
    assert len(HeaderSection.of(octets + b"\r\nbody").fields) == 1


@given(st.text(alphabet="ab: \t", min_size=1, max_size=5000))
def test_hostile_spacing_stays_within_the_line_limit(body: str) -> None:
    assert max(map(len, make_field("X-A", body).split(b"\r\n"))) <= 998
    assert max(map(len, make_field("X-A", body.replace(" ", "") * 3).split(b"\r\n"))) <= 998
