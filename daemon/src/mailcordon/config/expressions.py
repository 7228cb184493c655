"""Regular expressions of the administrator: none may keep the daemon busy without end.

Python's engine tries every way to match. So an expression that can need exponential time is refused, and one that
takes long on texts made of its own characters, too. What is matched is never longer than those texts.
"""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mailcordon.config.ambiguity import is_ambiguous

LONGEST = 512
"""Characters of an address that is looked at; RFC 5321 4.5.3.1 allows 320. A longer one matches no expression."""
TRIAL_LIMIT = 0.25
"""Seconds of processor time for all texts that one expression is tried with; a harmless one takes some microseconds."""

_ADVICE = "it may take without end; do not nest or chain repeats such as (a+)+ or .*.*.*, name what stands between"
_MOST_TEXTS = 24


class _TooSlowError(Exception):
    pass


def compile_expression(pattern: str, longest: int = LONGEST) -> re.Pattern[str]:
    """Raises ValueError with one line for an expression that is wrong, or may be slow on `longest` characters."""
    try:
        compiled = re.compile(pattern)
        slow = is_ambiguous(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"regular expression {pattern!r}: {error}") from None
    if slow or not _passes_trial(compiled, longest):
        raise ValueError(f"regular expression {pattern!r}: {_ADVICE}")
    return compiled


def _passes_trial(compiled: re.Pattern[str], longest: int) -> bool:
    if not re.search(r"[*+}]", compiled.pattern) or threading.current_thread() is not threading.main_thread():
        return True
    try:
        with _time_limit(TRIAL_LIMIT):
            for text in _texts(compiled.pattern, longest):
                compiled.search(text)
    except _TooSlowError:
        return False
    return True


def _texts(pattern: str, longest: int) -> Iterator[str]:
    """Texts as long as any, of the characters that stand in the expression; none of them matches at its end."""
    runs = re.findall(r"[A-Za-z0-9]+|[^A-Za-z0-9\\\s]", pattern)
    pieces = dict.fromkeys(["a", "0", "a.", *runs, "".join(runs)])
    for piece in list(pieces)[:_MOST_TEXTS]:
        yield (piece * longest)[: longest - 1] + "\n"


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises _TooSlowError in the main thread; Python's engine looks for signals while it matches."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _TooSlowError

    previous = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)
