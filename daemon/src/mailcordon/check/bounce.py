"""Finds bounces, and the Message-ID of the message that each is about (contracts B16.04, B16.05)."""

import logging
from collections.abc import Callable

from mailcordon.check.bounce_shape import is_of_robot, shape_of
from mailcordon.check.bounced_header import MOST_OCTETS, bounced_message_id
from mailcordon.log_levels import DETAIL
from mailcordon.mail.bounce import Bounce
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part

log = logging.getLogger(__name__)

BY_SPAM_SCANNER = "ANY_BOUNCE_MESSAGE"
"""SpamAssassin's test for bounces."""
_MOST_ENCODED = 2 * MOST_OCTETS

Decode = Callable[[memoryview, str], bytes]
"""Takes a transfer encoding away."""


def find_bounce(mail: Mail, root: Part, decode: Decode) -> Bounce | None:
    """What the message bounces, None for one that is no bounce by its structure. Bounded work, whatever its size."""
    shape = shape_of(mail, root)
    if shape is None:
        log.debug("(%s) inspect_dsn: %s is no structure of a bounce", mail.log_id, root.content_type)
        return None
    part = shape.part
    body = mail.content.view()[part.body_start : min(part.end, part.body_start + _MOST_ENCODED)]
    message_id = bounced_message_id(decode(body, part.encoding), is_text=shape.is_text)
    found = "no header section" if message_id is None else f"Message-ID: {message_id[:200]!a}"
    log.log(DETAIL, "(%s) inspect_dsn: %s, %s", mail.log_id, shape.name, found)
    return Bounce(shape.name, message_id)


def is_automatic(mail: Mail, findings: Findings) -> bool:
    """Whether it may be a bounce of a structure that nobody knows (B16.06)."""
    submitted = (mail.header.text("Auto-Submitted") or "no").partition(";")[0].strip().lower()
    tests = findings.spam.tests if findings.spam else ()
    return submitted != "no" or is_of_robot(mail) or any(name == BY_SPAM_SCANNER for name, _ in tests)
