"""Each fault once, under load: every message is delivered, quarantined or still with its sender (design rules 1, 2)."""

import pytest

from faults.faults import FAULTS
from faults.field import Field

BEFORE = AFTER = 15
"""Messages acknowledged before and after a fault."""


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_is_lost(field: Field, name: str) -> None:
    """Issue 4, B18.04, checklist 20 to 23: sent = delivered + quarantined; duplicates only for lost replies."""
    field.await_messages(BEFORE)
    FAULTS[name](field)
    field.await_messages(AFTER)
    assert field.settle() == [], field.ledger.summary()


def test_the_ledger_adds_up(running_field: Field) -> None:
    """All of it together; and there was something of everything."""
    ledger = running_field.ledger
    assert running_field.settle() == []
    print(ledger.summary())  # noqa: T201 - `pytest -rP` shows it
    assert any(message.quarantined for message in ledger.messages)
    assert ledger.acknowledged > len(FAULTS) * (BEFORE + AFTER)
    leftovers = [path for path in (running_field.disk.path / "tmp").iterdir() if path.name.startswith("spool-")]
    assert leftovers == [], "a spool file of nobody"
