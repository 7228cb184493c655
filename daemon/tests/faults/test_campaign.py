"""The long form: faults at random, and the memory over 100,000 messages. Only with --campaign=MINUTES."""

import random
import time

import pytest

from faults.faults import FAULTS
from faults.field import Field

pytestmark = pytest.mark.campaign


def test_faults_at_random(field: Field, minutes: float) -> None:
    """Issue 4: all faults in all orders, for as long as asked; each time everything must add up."""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    end = time.monotonic() + 60 * minutes
    count = 0
    while time.monotonic() < end:
        for name in chance.sample(list(FAULTS), len(FAULTS)):
            field.resume()
            field.await_messages(chance.randrange(50))
            FAULTS[name](field)
            count += 1
            if time.monotonic() > end:
                break
            if chance.random() < 0.2:
                assert field.settle() == [], f"after {name}, seed {seed}: {field.ledger.summary()}"
    assert field.settle() == [], f"seed {seed}: {field.ledger.summary()}"
    print(f"{count} faults, seed {seed}: {field.ledger.summary()}")  # noqa: T201 - `pytest -rP` shows it
