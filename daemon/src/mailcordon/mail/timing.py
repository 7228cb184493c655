"""Where the time for one message goes (B8.08: the line `TIMING`)."""

import time


class Timing:
    """Takes the time of one message, section by section; made when somebody wants to know."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self._sections: list[tuple[str, float, float | None]] = []

    def lap(self, section: str) -> None:
        """What was done since the last section ended was `section`."""
        now = time.perf_counter()
        self._sections.append((section, now - self._last, now - self._started))
        self._last = now

    def beside(self, section: str, seconds: float) -> None:
        """Within the section that ends next, `section` took that long, beside others."""
        self._sections.append((section, seconds, None))

    def report(self) -> str:
        """`TIMING [total 12 ms] - unpack: 0.4 (3%)3, ...`: milliseconds, their share, and the share of all so far."""
        total = max(time.perf_counter() - self._started, 1e-9)
        sections = [*self._sections, ("rundown", self._started + total - self._last, total)]
        texts = (
            f"{section}: {_milliseconds(seconds)} ({100 * seconds / total:.0f}%)"
            + ("" if so_far is None else f"{100 * so_far / total:.0f}")
            for section, seconds, so_far in sections
        )
        # Parsers divide by it.
        return f"TIMING [total {max(round(1000 * total), 1)} ms] - {', '.join(texts)}"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.1f}" if seconds < 0.01 else f"{1000 * seconds:.0f}"
