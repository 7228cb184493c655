"""The text of X-Spam-Report: a line for each test (contract B9.04)."""

from collections.abc import Iterable

from mailcordon.mail.finding import SpamScore
from mailcordon.mail.score import points_text

MAX_LINES = 100
OWN_DESCRIPTIONS = {
    "AM.WBL": "soft lists of senders",
    "AM.PENPAL": "the recipient has written to the sender",
    "AM.BOUNCE": "bounce of mail that was not sent from here",
}
"""What our own tests are about, by name; others tell it by their names."""


def spam_report(tests: Iterable[tuple[str, float | None]], spam: SpamScore | None) -> str:
    """The tests with their points and what they are about, as SpamAssassin has it; `\\n` asks for a fold."""
    descriptions = {**OWN_DESCRIPTIONS, **dict(spam.descriptions if spam else ())}
    lines = [
        f"* {'' if points is None else points_text(points):>5} {name} {descriptions.get(name, '')}".rstrip()
        for name, points in tests
    ]
    more = [f"* {len(lines) - MAX_LINES} more tests"] if len(lines) > MAX_LINES else []
    return "\n".join([*lines[:MAX_LINES], *more])
