"""Variables of the role that become settings: before-queue use, policy banks (B4.01, B20.03; features 10.01)."""

import json
from typing import Any

from end_to_end.gateway import Gateway


def shown(gateway: Gateway, *options: str) -> dict[str, Any]:
    """The settings in force."""
    told = gateway.host.check_output(f"mailcordon check-config --show --json {' '.join(options)}")
    settings: dict[str, Any] = json.loads(told)["settings"]
    return settings


def test_before_queue_rejects(gateway: Gateway) -> None:
    """B20.03: reject instead of discard; what the administrator has set wins."""
    settings = shown(gateway)
    assert (settings["final_virus_destiny"], settings["final_banned_destiny"]) == ("reject", "reject")
    assert settings["final_spam_destiny"] == "pass"


def test_policy_banks(gateway: Gateway) -> None:
    """B4.01, B4.04: a bank of one's own beside the one that is always there."""
    assert shown(gateway)["spam_kill_level"] != 12
    assert shown(gateway, "--bank", "MYNETS")["spam_kill_level"] == 12
    assert shown(gateway, "--bank", "ORIGINATING,MYNETS")["originating"] is True
