"""Whom of several equal servers to ask (B14.06)."""

import contextlib

from mailcordon.check.spread import REST, Spread


class Clock:
    """Set by the test."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(spread: Spread[str], server: str) -> None:
    """Have a request to that server fail."""
    with contextlib.suppress(OSError), spread.asking(server):
        raise OSError


def test_equally_busy_ones_take_turns() -> None:
    spread = Spread(["a", "b", "c"])
    first = [spread.order()[0] for _ in range(6)]
    assert first[:3] == first[3:]
    assert sorted(first[:3]) == ["a", "b", "c"]


def test_the_least_busy_one_comes_first() -> None:
    spread = Spread(["a", "b", "c"])
    with spread.asking("a"), spread.asking("a"), spread.asking("b"):
        assert [spread.order() for _ in range(3)] == [["c", "b", "a"]] * 3
    assert {spread.order()[0] for _ in range(3)} == {"a", "b", "c"}


def test_who_failed_comes_last_for_a_while() -> None:
    clock = Clock()
    spread = Spread(["a", "b", "c"], clock)
    fail(spread, "b")
    clock.now += 1
    fail(spread, "c")
    assert [spread.order() for _ in range(3)] == [["a", "b", "c"]] * 3
    clock.now += REST - 1
    assert {spread.order()[0] for _ in range(3)} == {"a", "b"}
    with spread.asking("c"):
        pass
    assert {spread.order()[0] for _ in range(3)} == {"a", "b", "c"}, "an answer ends the rest"


def test_a_single_one_is_asked_always() -> None:
    spread = Spread(["a"])
    fail(spread, "a")
    assert spread.order() == ["a"]
    assert spread.servers == ("a",)
