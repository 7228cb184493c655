"""Messages of our own that bring somebody's mail along, attached or in their text (B11.08, features 12.19, 12.20)."""

from datetime import datetime

from mailcordon.act.edit import EditedMessage
from mailcordon.act.fields import make_field
from mailcordon.act.mime_parts import multipart, new_boundary, original_part, text_part
from mailcordon.act.own_message import own_header
from mailcordon.act.wording import Wording
from mailcordon.mail.message import Mail


def attached(
    mail: Mail, wording: Wording, *, to: str, message_id: str, now: datetime, international: bool = False
) -> EditedMessage:
    """A text, and the mail as it is."""
    boundary = new_boundary()
    head = [
        *own_header(wording, mail, to=to, message_id=message_id, now=now, international=international),
        make_field("Content-Type", f'multipart/mixed;\n boundary="{boundary}"'),
    ]
    parts = [_text(wording), original_part(mail, full=True, international=international)]
    return EditedMessage([multipart(head, parts, boundary)])


def inline(mail: Mail, wording: Wording, *, to: str, message_id: str, now: datetime) -> EditedMessage:
    """One part: a text, and below it the source of the mail, for those who cannot handle attachments."""
    original = bytes(mail.content.view()).decode("utf-8", "surrogateescape")
    lines = [*_lines(wording), "", *original.removesuffix("\r\n").split("\r\n")]
    head = own_header(wording, mail, to=to, message_id=message_id, now=now)
    return EditedMessage([b"".join(head) + text_part(lines)])


def _text(wording: Wording) -> bytes:
    return text_part(_lines(wording))


def _lines(wording: Wording) -> list[str]:
    return wording.text.rstrip("\n").split("\n")
