"""How `os_fingerprint_method` is written (B16.10, features 15.08)."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from mailcordon.config.fingerprint_method import FingerprintMethod, fingerprint_method
from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Session


@pytest.mark.parametrize(
    ("written", "method"),
    [
        ("p0f:127.0.0.1:2345", FingerprintMethod("127.0.0.1", 2345)),
        ("p0f:[2001:db8::1]:2345", FingerprintMethod("2001:db8::1", 2345)),
        ("P0F:mx.example.com:1", FingerprintMethod("mx.example.com", 1)),
        ("p0f:*:2345", FingerprintMethod("*", 2345)),
        ("p0f:/run/p0f/p0f.sock", FingerprintMethod(path="/run/p0f/p0f.sock")),
        ("", FingerprintMethod()),
    ],
)
def test_methods(written: str, method: FingerprintMethod) -> None:
    """Contract B16.10, features 15.08: both targets, and none."""
    assert fingerprint_method(written) == method
    assert fingerprint_method(str(method)) == method
    assert method.is_off == (not written)


@pytest.mark.parametrize(
    "written",
    ["p0f", "p0f:", "p0f:127.0.0.1", "p0f:127.0.0.1:0", "p0f:127.0.0.1:65536", "p0f:::1:2345", "p0f:relative/socket",
     "p0f:127.0.0.1:*", "udp:127.0.0.1:2345", "127.0.0.1:2345", "p0f:/a b", " ", 2345, None, True, ["p0f:/a"]],
)  # fmt: skip
def test_what_is_no_method(written: object, make_settings: Callable[..., Settings]) -> None:
    with pytest.raises(ValidationError, match=r"os_fingerprint_method\n.*(neither empty, p0f:|no valid port)"):
        make_settings(os_fingerprint_method=written)


def test_the_host_that_brings_the_mail() -> None:
    """As amavisd's `p0f:*:2345`: each MTA runs its own p0f-analyzer."""
    method = fingerprint_method("p0f:*:2345")
    assert method.seen_from("2001:db8::1") == FingerprintMethod("2001:db8::1", 2345)
    assert method.seen_from(None) is None
    fixed = fingerprint_method("p0f:127.0.0.1:2345")
    assert fixed.seen_from(None) == fixed.seen_from("192.0.2.1") == fixed


def test_member_of_policy_banks(make_settings: Callable[..., Settings]) -> None:
    """Contract B4.07."""
    settings = make_settings(
        os_fingerprint_method="p0f:127.0.0.1:2345", policy_bank={"OWN": {"os_fingerprint_method": ""}}
    )
    banks = PolicyBanks(settings)
    assert banks.of(Session(policy_banks=("OWN",))).os_fingerprint_method.is_off
    assert not banks.of(Session()).os_fingerprint_method.is_off


@pytest.mark.parametrize("seconds", [0, -1, 5.1, "inf", "soon"])
def test_wait_that_is_none(seconds: object, make_settings: Callable[..., Settings]) -> None:
    """Mail is not held up for it."""
    with pytest.raises(ValidationError, match="os_fingerprint_timeout"):
        make_settings(os_fingerprint_timeout=seconds)
