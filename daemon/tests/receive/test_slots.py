"""Places for messages: bounded in number and octets, in the order of asking."""

import pytest

from mailcordon.receive.slots import Slots

PLENTY = 1_000_000


def test_places_are_bounded_and_handed_over_in_order() -> None:
    slots = Slots(2, PLENTY)
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
    slots = Slots(1, PLENTY)
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


def test_octets_are_bounded_and_the_small_do_not_overtake_the_big() -> None:
    """Design rule 7 and checklist 23: what is announced is reserved."""
    slots = Slots(10, 1000)
    got: list[str] = []
    big, small = lambda: got.append("big"), lambda: got.append("small")
    assert slots.take(big, 600)
    assert not slots.take(big, 600)
    assert not slots.take(small, 1)
    assert (slots.in_use, slots.octets_in_use, got) == (1, 600, [])
    slots.release(600)
    assert (slots.in_use, slots.octets_in_use, got) == (2, 601, ["big", "small"])


def test_who_withdraws_lets_the_next_one_in() -> None:
    slots = Slots(10, 1000)
    got: list[str] = []
    big, small = lambda: got.append("big"), lambda: got.append("small")
    assert slots.take(small, 600)
    assert not slots.take(big, 600)
    assert not slots.take(small, 300)
    slots.withdraw(big)
    assert (got, slots.octets_in_use) == (["small"], 900)


def test_what_is_bigger_than_all_room_is_handled_alone() -> None:
    slots = Slots(10, 1000)
    got: list[str] = []
    giant, small = lambda: got.append("giant"), lambda: got.append("small")
    assert slots.take(giant, 5000)
    assert not slots.take(small, 1)
    slots.release(5000)
    assert got == ["small"]


def test_growing_beyond_the_room_is_for_the_only_one() -> None:
    slots = Slots(10, 1000)
    slots.take(lambda: None, 400)
    slots.take(lambda: None, 400)
    assert slots.grow(200)
    assert not slots.grow(1)
    assert slots.octets_in_use == 1000
    slots.release(400)
    assert slots.grow(5000)
    slots.release(5600)
    assert (slots.in_use, slots.octets_in_use) == (0, 0)
