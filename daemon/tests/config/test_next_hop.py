"""How a delivery method is written (B7.01)."""

import pytest

from mailcordon.config.next_hop import NextHop, delivery_method
from mailcordon.mail.envelope import Session

FROM_MTA = Session(peer_addr="192.0.2.1", local_addr="192.0.2.9", local_port=10024)


@pytest.mark.parametrize(
    ("written", "hop"),
    [
        ("smtp:[127.0.0.1]:10025", NextHop("smtp", "127.0.0.1", 10025)),
        ("smtp:[2001:db8::1]:25", NextHop("smtp", "2001:db8::1", 25)),
        ("smtp:mta.example:25", NextHop("smtp", "mta.example", 25)),
        ("lmtp:/run/mta.sock", NextHop("lmtp", path="/run/mta.sock")),
        ("smtp:/run/mta.sock", NextHop("smtp", path="/run/mta.sock")),
        (" smtp:[127.0.0.1]:25,lhlo ", NextHop("lmtp", "127.0.0.1", 25)),
        ("smtp:/run/mta.sock lhlo mult", NextHop("lmtp", path="/run/mta.sock")),
    ],
)
def test_one_hop(written: str, hop: NextHop) -> None:
    """Contract B7.01; options stand after the target."""
    assert delivery_method(written).hops == (hop,)
    assert delivery_method(str(hop)).hops == (hop,)
    assert hop.seen_from(FROM_MTA) == hop


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("smtp:*:*", "smtp:[192.0.2.1]:10025"),
        ("lmtp:*:24", "lmtp:[192.0.2.1]:24"),
        ("smtp:[127.0.0.1]:*", "smtp:[127.0.0.1]:10025"),
    ],
)
def test_the_client_is_the_next_hop(written: str, place: str) -> None:
    """Contract B7.01: address of the connecting client, and the port that it came to plus one."""
    (hop,) = delivery_method(written).hops
    assert str(hop) == written
    assert str(hop.seen_from(FROM_MTA)) == place


@pytest.mark.parametrize("written", ["smtp:*:*", "smtp:*:25"])
def test_a_unix_socket_has_no_client_address(written: str) -> None:
    (hop,) = delivery_method(written).hops
    assert hop.seen_from(Session()) is None


def test_the_last_port_has_no_next_one() -> None:
    (hop,) = delivery_method("smtp:*:*").hops
    assert hop.seen_from(Session(peer_addr="192.0.2.1", local_port=65535)) is None
    assert delivery_method("smtp:[127.0.0.1]:*").hops[0].seen_from(Session()) is None


def test_several() -> None:
    """Contract B7.01: a list is tried in its order."""
    method = delivery_method(["smtp:[192.0.2.1]:25", "lmtp:/run/mta.sock"])
    assert str(method) == "smtp:[192.0.2.1]:25, lmtp:/run/mta.sock"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", "nowhere to go"),
        ([], "nowhere to go"),
        (["smtp:[127.0.0.1]:25", ""], "nowhere to go"),
        ("smtp:here", "is not a delivery method"),
        ("smtp:[::1]:0", "no valid port"),
        ("smtp:[::1]:65536", "no valid port"),
        ("smtp:[127.0.0.1]:25 tls", "unknown option tls"),
        ("smtp:2001:db8::1:25", "is not a delivery method"),
        ("pipe:flags=q argv=/usr/sbin/sendmail", "pipe, bsmtp, local, sql are not supported here"),
        ("bsmtp:/var/tmp/x", "not supported here"),
        ("local:x", "not supported here"),
        ("sql:", "not supported here"),
        (25, "is not a text"),
    ],
)
def test_what_is_no_method(written: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        delivery_method(written)
    assert "\n" not in str(caught.value)
