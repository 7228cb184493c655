"""The reason that stands in the SMTP reply (B5.11)."""

from collections.abc import Callable

from mailcordon.config.by_category import value_at
from mailcordon.config.reason_text import REASON_PLACEHOLDER
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Category, Major
from mailcordon.mail.finding import Finding, banning_reason, names_of
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import REASON_LIMIT

_PLAIN = "id=%n"
"""Where an administrator took the texts away."""


def reason_for(category: Category, found: tuple[Finding, ...], mail: Mail, settings: Settings) -> str:
    """Why mail was judged to be of that category, e.g. `id=08089-01 - INFECTED: Eicar-Test-Signature`."""
    facts: dict[str, Callable[[], str]] = {
        "n": lambda: mail.log_id,
        "i": lambda: mail.mail_id,
        "h": lambda: settings.myhostname,
        "V": lambda: ", ".join(names_of(Major.VIRUS, found)),
        "F": lambda: _readable(banning_reason(found), mail),
        "%": lambda: "%",
    }
    template = value_at(settings.smtp_reason_by_ccat, category) or _PLAIN
    return REASON_PLACEHOLDER.sub(lambda match: facts[match[1]](), template)[:REASON_LIMIT]


def _readable(name: str, mail: Mail) -> str:
    """File names are in any script, replies to clients that did not ask for SMTPUTF8 are not (RFC 6531 3.7.4.1)."""
    return name if mail.envelope.smtputf8 else name.encode("ascii", "replace").decode("ascii")
