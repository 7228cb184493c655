"""Addresses in Received fields."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailcordon.mail.header import HeaderSection
from mailcordon.mail.trace import origin_address, public_addresses


def header(*fields: str) -> HeaderSection:
    """Of Received fields, the latest one first."""
    return HeaderSection.of("".join(f"Received: {field}\r\n" for field in fields).encode() + b"\r\n")


def test_way() -> None:
    """Contract B8.02: the origin is the first public address on the way, private ones in front of it do not count."""
    fields = (
        "from mx.example.net (mx.example.net [8.8.4.4])\r\n\tby gate.example.com with ESMTP; now",
        "from relay (relay [IPv6:2600:0:1::A]) by mx.example.net with ESMTPS",
        "from [1.1.1.1] (helo=me) (unknown [9.9.9.9] auth) by submit with ESMTPSA",
        "from laptop (unknown [10.1.2.3]) by submit with ESMTP",
        "by localhost (Postfix, from userid 1000)",
    )
    assert origin_address(header(*fields)) == "9.9.9.9"
    assert public_addresses(header(*fields)) == ["8.8.4.4", "2600:0:1::a", "9.9.9.9"]


@pytest.mark.parametrize(
    "field",
    [
        "",
        "from x",
        "from x ([999.1.1.1]) by y",
        "from x ([fe80::1]) by y",
        "from x ([1:2:3:4]) by y",
        "from x ([8.8.8.8.8]) by y",
        "from x ([08.8.8.8]) by y",
        "from x by y ([8.8.8.8])",
        "from x ([127.0.0.1]) by y",
    ],
)
def test_no_origin(field: str) -> None:
    """What is no public address of a client is none; its twin is above."""
    assert origin_address(header(field)) is None


@given(st.ip_addresses(v=4))
def test_public_ipv4_addresses(address: IPv4Address) -> None:
    """Each address as Python's ipaddress has it; its releases differ in 192.0.0.0/24, where nobody sends mail."""
    assume(address not in IPv4Network("192.0.0.0/24"))
    found = origin_address(header(f"from x (y [{address}]) by z"))
    assert found == (str(address) if address.is_global and not address.is_multicast else None)


def test_no_address_at_all() -> None:
    """A message without Received fields."""
    assert origin_address(header()) is None
    assert public_addresses(header()) == []
