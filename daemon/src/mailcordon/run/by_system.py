"""What a message counts as for the operating system of its client: `virus.byOS.<system>` and its like (B17.05)."""

from collections.abc import Sequence

from mailcordon.mail.category import Major
from mailcordon.mail.verdict import RecipientOutcome, highest_category

_KINDS = {Major.VIRUS: "virus", Major.SPAM: "spam", Major.SPAMMY: "spam", Major.BANNED: None}
_HAM_LEVEL = 2.0
"""Score up to which other mail counts as ham; with more it is neither ham nor spam."""


def kind_by_system(recipients: Sequence[RecipientOutcome]) -> str | None:
    """`virus`, `spam`, `ham`, or None: the message is none of them."""
    category = highest_category(recipients)
    if category.major in _KINDS:
        return _KINDS[category.major]
    scores = [item.verdict.score for item in recipients if item.verdict.score is not None]
    return "ham" if max(scores, default=0.0) <= _HAM_LEVEL else None
