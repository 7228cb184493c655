"""IP lists (contract B3.14)."""

import pytest

from mailcordon.config.networks import Networks


@pytest.mark.parametrize(
    ("patterns", "address", "expected"),
    [
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10/8"], "10.1.2.3", True),
        (["192.168"], "192.168.7.9", True),
        (["192.168"], "192.169.7.9", False),
        (["10.0.0.0/255.255.0.0"], "10.0.7.9", True),
        (["!10.1.0.0/16", "10.0.0.0/8"], "10.1.2.3", False),
        (["!10.1.0.0/16", "10.0.0.0/8"], "10.2.2.3", True),
        (["[::1]"], "::1", True),
        (["[fe80::]/10"], "fe80::7", True),
        (["127.0.0.0/8"], "::ffff:127.0.0.1", True),
        (["0/0"], None, True),
        (["127.0.0.0/8"], None, False),
        (["0/0"], "10.1.2.3", True),
        (["0/0"], "2001:db8::1", False),
        (["0/0"], "not an address", False),
        (["::/0"], "10.1.2.3", True),
        (["::/0"], "2001:db8::1", True),
        (["::/0"], None, True),
        (["::/0"], "not an address", True),
        (["!10.1/16", "::/0"], "10.1.2.3", False),
        (["::FFFF:0:0/96"], "192.0.2.1", True),
        (["::FFFF:0:0/96"], "2001:db8::1", False),
        (["127.0.0.0/8"], "not an address", False),
    ],
)
def test_contains(patterns: list[str], address: str | None, expected: bool) -> None:
    """B3.14: truncated prefixes, negation, first match wins, an unknown address is 0.0.0.0."""
    assert Networks.parse(patterns).contains(address) is expected


def test_bad_network_is_named() -> None:
    """Bad input: the entry is named."""
    with pytest.raises(ValueError, match=r"'10\.0\.0\.0/77' is not a network"):
        Networks.parse(["10.0.0.0/77"])
