"""The XFORWARD command (B6.03, features 13.18 and 13.19)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.mail.envelope import Client
from mailcordon.receive.replies import CommandError
from mailcordon.receive.xforward import parse_xforward

EVERYTHING = Client(
    name="mx.example", addr="192.0.2.1", port=2525, proto="ESMTP", helo="mx", ident="4Bq0x1", source="REMOTE"
)


def test_every_attribute() -> None:
    """B6.03, features 13.18, 13.19: the seven that EHLO names, in any case."""
    line = "NAME=mx.example ADDR=192.0.2.1 PORT=2525 PROTO=ESMTP HELO=mx IDENT=4Bq0x1 SOURCE=REMOTE"
    assert parse_xforward(line, Client()) == EVERYTHING
    assert parse_xforward(line.lower().replace("=esmtp", "=ESMTP").replace("4bq", "4Bq"), Client()) == EVERYTHING


@pytest.mark.parametrize("unknown", ["[UNAVAILABLE]", "[TEMPUNAVAIL]", "[unavailable]", "+5BUNAVAILABLE+5D"])
def test_unavailable_is_none(unknown: str) -> None:
    """B6.03: and `[TEMPUNAVAIL]` is no more."""
    line = " ".join(f"{name}={unknown}" for name in ("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"))
    assert parse_xforward(line, EVERYTHING) == Client()


def test_attributes_come_in_several_commands() -> None:
    client = parse_xforward("NAME=mx.example ADDR=192.0.2.1", Client())
    assert parse_xforward("PORT=25", client) == Client(name="mx.example", addr="192.0.2.1", port=25)


def test_values_are_xtext() -> None:
    """B6.03."""
    assert parse_xforward("HELO=a+2Bb+3Dc", Client()).helo == "a+b=c"
    assert parse_xforward("NAME=j+C3+B6rg", Client()).name == "jörg"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("IPV6:2001:DB8::0:1", "2001:db8::1"),
        ("ipv6:::1", "::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("10.1.2.3", "10.1.2.3"),
    ],
)
def test_addresses(written: str, address: str) -> None:
    assert parse_xforward(f"ADDR={written}", Client()).addr == address


def test_what_could_break_a_line_is_replaced() -> None:
    """These values end up in Received fields and log lines (features 18.19: header injection)."""
    assert parse_xforward("HELO=a+0D+0AX-Evil:+20b+00", Client()).helo == "a??X-Evil:?b?"


@pytest.mark.parametrize(
    "line",
    [
        "NAME",
        "NAME=a LOGIN=b",
        "=x",
        "FOO=bar",
        "ADDR=",
        "ADDR=mx.example",
        "ADDR=1.2.3",
        "PORT=x",
        "PORT=65536",
        "PORT=-1",
        "PORT=",
        "SOURCE=INSIDE",
        "SOURCE=",
        "NAME=a+2",
        "NAME=a+zz",
        f"NAME={'a' * 256}",
        "PORT=²",
    ],
)
def test_bad_syntax_is_501_and_changes_nothing(line: str) -> None:
    """B6.03: `501 5.5.4` for bad syntax and unknown attributes."""
    with pytest.raises(CommandError, match=r"^501 5\.5\.4 "):
        parse_xforward(f"IDENT=new {line}", EVERYTHING)


def test_no_attribute_is_bad_syntax() -> None:
    with pytest.raises(CommandError, match=r"^501 5\.5\.2 Syntax: XFORWARD "):
        parse_xforward("", EVERYTHING)


@given(st.text(st.sampled_from("NAMEADDRPORTHELO= +0123456789ABCDEF.:[]IPV\t\xa0\udcff"), max_size=80) | st.text())
def test_raises_nothing_but_its_own_error(text: str) -> None:
    for line in (text, f"NAME={text}", f"ADDR={text}", f"PORT={text}"):
        try:
            client = parse_xforward(line, Client())
        except CommandError:
            continue
        for value in (client.name, client.addr, client.proto, client.helo, client.ident):
            assert value is None or not any(character.isspace() or character < "!" for character in value)
