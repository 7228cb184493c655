"""When sessions are kept (features 13.02 to 13.06)."""

import pytest

from mailcordon.act.session_keeping import SessionKeeping


def after(gap: float, *, enabled: bool, on_demand: bool = True) -> bool:
    """Whether sessions are kept once a second message came that long after the end of the first."""
    keeping = SessionKeeping(enabled=enabled, on_demand=on_demand)
    keeping.begin(100.0)
    keeping.end(102.0)
    keeping.begin(102.0 + gap)
    return keeping.enabled


@pytest.mark.parametrize(
    ("gap", "when_off", "when_on"),
    [(0.0, True, True), (5.0, True, True), (5.1, False, True), (14.9, False, True), (15.0, False, False)],
)
def test_boundaries(gap: float, when_off: bool, when_on: bool) -> None:
    """Features 13.04, contract B7.05, contract B21.09."""
    assert after(gap, enabled=False) is when_off
    assert after(gap, enabled=True) is when_on


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("gap", [0.0, 1000.0])
def test_fixed(enabled: bool, gap: float) -> None:
    """Features 13.03, features 13.06."""
    assert after(gap, enabled=enabled, on_demand=False) is enabled


@pytest.mark.parametrize("enabled", [False, True])
def test_the_first_message_changes_nothing(enabled: bool) -> None:
    keeping = SessionKeeping(enabled=enabled, on_demand=True)
    keeping.begin(100.0)
    assert keeping.enabled is enabled


def test_messages_at_the_same_time_have_no_gap() -> None:
    """One worker handles many: while one is in progress the next has not been waited for."""
    keeping = SessionKeeping(enabled=False, on_demand=True)
    keeping.begin(0.0)
    keeping.begin(100.0)
    assert keeping.enabled
    keeping.end(101.0)
    keeping.end(200.0)
    keeping.begin(215.0)
    assert not keeping.enabled
