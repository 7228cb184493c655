"""What mail of our own about somebody's mail has in common (B11.05)."""

import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime

from mailcordon.act.edit import EditedMessage
from mailcordon.act.fields import make_field
from mailcordon.act.mime_parts import text_part
from mailcordon.act.wording import Wording
from mailcordon.mail.message import Mail

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")


def own_header(
    wording: Wording, mail: Mail, *, to: str, message_id: str, now: datetime, international: bool = False
) -> Iterator[bytes]:
    """The fields of a message about `mail`, but for those of its content. `international`: they may hold UTF-8."""
    for name, body in wording.fields:
        yield make_field(name, body, encode=not international)
    yield make_field("To", to, encode=not international)
    yield make_field("Date", format_datetime(now))
    yield make_field("Message-ID", message_id)
    original_id = _MESSAGE_ID.search(mail.header.text("Message-ID") or "")
    if original_id:
        yield make_field("In-Reply-To", original_id.group())
    yield make_field("Auto-Submitted", "auto-replied")
    yield make_field("MIME-Version", "1.0")


def compose(wording: Wording, mail: Mail, *, to: str, message_id: str, now: datetime) -> EditedMessage:
    """A message of text only: a notice to an administrator or a recipient."""
    header = own_header(wording, mail, to=to, message_id=message_id, now=now)
    return EditedMessage([b"".join(header) + text_part(wording.text.rstrip("\n").split("\n"))])
