"""Where the time for one message goes (B8.08: the line `TIMING`), and what is done with it at the moment (B17.08)."""

import time
from collections.abc import Mapping

RECEIVING = "d"

STATES: Mapping[str, str] = {
    RECEIVING: "receiving it from the client",
    "=": "content checking just started",
    "D": "decoding its parts",
    "V": "virus scanning, and other checks beside it",
    "S": "spam scanning",
    "r": "judging",
    "Q": "quarantining, or preparing and sending notifications",
    "F": "forwarding to the next hop",
    ".": "done with; the client is about to be answered",
}
"""Letters of B17.08, and what they mean."""

_STATE_AFTER: Mapping[str, str] = {
    "receive": "=",
    "unpack": "D",
    "parts_decode": "V",
    "virus": "S",
    "check": "r",
    "judge": "Q",
    "quarantine": "F",
    "forward": "Q",
    "notify": ".",
}
"""The state that follows the end of a section."""


class Timing:
    """Takes the time of one message, section by section, from the beginning of its reception on."""

    __slots__ = ("_last", "began", "sections", "since", "state")

    def __init__(self) -> None:
        self.began = self._last = self.since = time.perf_counter()
        """When reception began, and when the present state did."""
        self.state = RECEIVING
        """What is done at the moment, a key of STATES."""
        self.sections: list[tuple[str, float, float | None]] = []
        """Name of each that has ended, its seconds, and those of all so far; None for what went on beside others."""

    def lap(self, section: str) -> None:
        """What was done since the last section ended was `section`."""
        now = time.perf_counter()
        self.sections.append((section, now - self._last, now - self.began))
        self._last = now
        if section in _STATE_AFTER:
            self.state, self.since = _STATE_AFTER[section], now

    def beside(self, section: str, seconds: float) -> None:
        """Within the section that ends next, `section` took that long, beside others."""
        self.sections.append((section, seconds, None))
        if section in _STATE_AFTER:
            self.state, self.since = _STATE_AFTER[section], time.perf_counter()

    @property
    def total(self) -> float:
        """Seconds since reception began."""
        return time.perf_counter() - self.began

    def report(self) -> str:
        """`TIMING [total 12 ms] - receive: 0.4 (3%)3, ...`: milliseconds, their share, and the share of all so far."""
        total = max(self.total, 1e-9)
        sections = [*self.sections, ("rundown", self.began + total - self._last, total)]
        texts = (
            f"{section}: {_milliseconds(seconds)} ({100 * seconds / total:.0f}%)"
            + ("" if so_far is None else f"{100 * so_far / total:.0f}")
            for section, seconds, so_far in sections
        )
        # Parsers divide by it.
        return f"TIMING [total {max(round(1000 * total), 1)} ms] - {', '.join(texts)}"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.1f}" if seconds < 0.01 else f"{1000 * seconds:.0f}"
