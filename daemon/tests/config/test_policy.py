"""The policies of the recipients of one mail (contracts B3.01, B3.05, B3.12)."""

from collections.abc import Callable

import pytest

from mailcordon.config.policy import Policy, policies_for, policy_for
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Recipient

MakeSettings = Callable[..., Settings]
ADDRESSES = ("bob@a.test", "eve@a.test", "Bob@A.test", "bob@b.test", "bob@sub.b.test", "bob", "eve", "eve@")


def values(policy: Policy) -> dict[str, object]:
    """All but the rules about banned parts: those of other settings are other objects."""
    return {name: getattr(policy, name) for name in Policy.__slots__ if name != "banned"}


@pytest.mark.parametrize(
    "tables",
    [
        {"local_domains": ["a.test", "!.b.test"], "spam_kill_level": {"hash": {"a.test": 5.0, ".b.test": 7.0}}},
        {
            "local_domains": {"hash": {"a.test": True, "bob": True}},
            "spam_tag_level": {"hash": {"bob": 1.0, "eve@": 2.0}},
        },
        {"local_domains": ["a.test"], "spam_kill_level": {"hash": {"a.test": 5.0, "bob@": 6.0, "eve@a.test": 7.0}}},
        {"local_domains": ["."], "spam_quarantine_to": {"hash": {"a.test": "$1-spam", "b.test": "spam"}}},
        {"virus_lovers": {"regexp": [["^eve", True]]}, "spam_kill_level": {"hash": {"b.test": 5.0}}},
    ],
)
def test_recipients_together_or_alone(make_settings: MakeSettings, tables: dict[str, object]) -> None:
    """What one recipient's domain or address says holds for nobody else, in whatever order they are asked for."""
    for addresses in (ADDRESSES, ADDRESSES[::-1]):
        settings = make_settings(**tables)
        together = policies_for(settings, list(map(Recipient, addresses)))
        for address, policy in zip(addresses, together, strict=True):
            alone = policy_for(make_settings(**tables), Recipient(address))
            assert values(policy) == values(alone)


def test_recipients_with_the_same_values_share_a_policy(make_settings: MakeSettings) -> None:
    """Also those of different domains: they are judged once."""
    settings = make_settings(spam_kill_level={"hash": {"a.test": 5.0, "b.test": 5.0, "c.test": 6.0}})
    first, second, other = policies_for(settings, [Recipient(f"x@{name}.test") for name in "abc"])
    assert first is second
    assert first is not other
