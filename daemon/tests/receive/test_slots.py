"""Places for messages: bounded, in the order of asking."""

import pytest

from mailcordon.receive.slots import Slots


def test_places_are_bounded_and_handed_over_in_order() -> None:
    slots = Slots(2)
    got: list[str] = []
    first, second = lambda: got.append("first"), lambda: got.append("second")
    assert slots.take(first)
    assert slots.take(first)
    assert not slots.take(first)
    assert not slots.take(second)
    assert (slots.in_use, got) == (2, [])
    slots.release()
    assert (slots.in_use, got) == (2, ["first"])
    slots.release()
    assert got == ["first", "second"]
    slots.release()
    slots.release()
    assert slots.in_use == 0


def test_who_withdraws_gets_nothing() -> None:
    slots = Slots(1)
    got: list[str] = []
    gone, there = lambda: got.append("gone"), lambda: got.append("there")
    assert slots.take(gone)
    assert not slots.take(gone)
    assert not slots.take(there)
    slots.withdraw(gone)
    slots.release()
    assert got == ["there"]
    with pytest.raises(ValueError):
        slots.withdraw(gone)
