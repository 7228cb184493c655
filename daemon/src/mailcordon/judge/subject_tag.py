"""What is put in front of the subject for local recipients (contract B9.03)."""

import re
from collections.abc import Callable
from datetime import UTC

from mailcordon.config.by_category import value_at
from mailcordon.config.settings import Settings
from mailcordon.judge.ruling import Ruling
from mailcordon.mail.category import Category, Major
from mailcordon.mail.message import Mail
from mailcordon.mail.score import points_text

_MACRO = re.compile(r"_([A-Z]+)_")
_SPAMMY = Category(Major.SPAMMY)


def subject_tag(mail: Mail, ruling: Ruling, settings: Settings) -> str | None:
    """The tag of the highest category that has one, its macros replaced; None for no tag."""
    if not ruling.policy.is_local:
        return None
    tags = (value_at(ruling.policy.subject_tags, category) for category in ruling.by_precedence)
    template = next(filter(None, tags), None)
    return template and _expanded(template, mail, ruling, settings)


def _expanded(template: str, mail: Mail, ruling: Ruling, settings: Settings) -> str:
    """Macros are our own facts only: nothing that a sender wrote gets into the tag."""
    is_spammy = _SPAMMY in ruling.categories
    score = ruling.shown_score
    macros: dict[str, Callable[[], str]] = {
        "SCORE": lambda: "-" if score is None else points_text(score),
        "REQD": lambda: points_text(ruling.policy.spam_tag2_level or 0),
        "YESNO": lambda: "Yes" if is_spammy else "No",
        "YESNOCAPS": lambda: "YES" if is_spammy else "NO",
        "HOSTNAME": lambda: settings.myhostname,
        "DATE": lambda: mail.received_at.strftime("%a, %d %b %Y %H:%M:%S %z"),
        "U": lambda: mail.received_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"),
        "LOGID": lambda: mail.log_id,
        "MAILID": lambda: mail.mail_id,
        # The spam engine's own prefix; spamd does not tell it.
        "SUBJPREFIX": lambda: "",
    }
    return _MACRO.sub(lambda match: macros.get(match.group(1), match.group)(), template)
