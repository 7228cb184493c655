"""Which part of a bounce holds the header section of the message that it is about (contract B16.04, features 11.34).

By the types of the message and the parts directly below it; nothing deeper is looked at.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailcordon.mail.addresses import authors_of
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part

ROBOTS = frozenset({"mailer-daemon", "postmaster"})
"""Local parts of authors of bounces."""

_HEADERS = frozenset(
    f"message/{name}" for name in ("rfc822-headers", "global-headers", "rfc822", "global", "partial")
) | {"text/rfc822-headers"}
_REPORTS = {"delivery-status": "DSN", "disposition-notification": "MDN", "feedback-report": "ARF report"}
_REPORT_TYPE = re.compile(r';\s*report-type\s*=\s*"?([a-z-]{1,40})', re.IGNORECASE)
_FAILURE = re.compile(r"Delivery Failure Notification|failure notice", re.IGNORECASE)
_BARE_ROBOT = re.compile(r"(?:^|<)\s*(mailer-daemon|postmaster)\s*(?:>|\(|$)", re.IGNORECASE)
_LONGEST_FIELD = 2000


@dataclass(frozen=True, slots=True)
class Shape:
    """The structure of a bounce."""

    name: str
    """For the log."""
    part: Part
    """Where the header section is."""
    is_text: bool = False
    """The part is a text for people, with the header section somewhere within it."""


def shape_of(mail: Mail, root: Part) -> Shape | None:
    """The structure of the message, None for one that bounces do not have.

    A structure that people's mail may have, too, counts only together with who sent it (features 11.38).
    """
    parts = [part for part in root.children if not part.is_member]
    types = [part.content_type for part in parts]
    if _is_of_yahoogroups(mail) and 2 <= len(parts) <= 4 and types[-1] in _HEADERS:
        return Shape("notice of yahoogroups", parts[-1])
    if mail.envelope.sender and not is_of_robot(mail):
        return None
    if root.content_type == "multipart/report" and parts:
        return _report(parts, types, _report_type(mail))
    if root.content_type == "multipart/mixed" and 2 <= len(parts) <= 4 and types[-1] in _HEADERS:
        subject = (mail.header.text("Subject") or "")[:_LONGEST_FIELD]
        if "mailer-daemon" in robots_of(mail) or _FAILURE.search(subject):
            return Shape("message attached to a mixed one", parts[-1])
    if not root.children and root.content_type.startswith("text/") and not mail.envelope.sender and is_of_robot(mail):
        return Shape("plain text", root, is_text=True)
    return None


def _report(parts: Sequence[Part], types: Sequence[str], report: str) -> Shape | None:
    status = {f"message/{report}", f"message/global-{report}"} if report in _REPORTS else frozenset()
    name = f"standard {_REPORTS.get(report, 'report')}"
    match len(parts):
        case 3 if types[1] in status and types[2] in _HEADERS:
            return Shape(name, parts[2])
        case 3 if types[1] in status and types[2] == "text/plain":
            return Shape(f"{name}, header section in a text", parts[2], is_text=True)
        case 4 if types[2] in status and types[3] in _HEADERS and all(kind.startswith("text/") for kind in types[:2]):
            return Shape(f"{name}, two texts", parts[3])
        case 2 if types[1] in _HEADERS:
            return Shape("report without a status", parts[1])
        case 2 if types[1] in status and types[0] == "text/plain":
            return Shape(f"{name}, nothing attached", parts[0], is_text=True)
    return None


def _report_type(mail: Mail) -> str:
    match = _REPORT_TYPE.search((mail.header.text("Content-Type") or "")[:_LONGEST_FIELD])
    return match.group(1).lower() if match else ""


def robots_of(mail: Mail) -> frozenset[str]:
    """Which of ROBOTS are among the authors; many systems write them without a domain."""
    local_parts = {author.rpartition("@")[0].lower() for author in authors_of(mail.header)}
    bare = _BARE_ROBOT.search((mail.header.text("From") or "")[:_LONGEST_FIELD].strip())
    return ROBOTS & (local_parts | ({bare.group(1).lower()} if bare else set()))


def is_of_robot(mail: Mail) -> bool:
    """Whether a mail system is among its authors, or says so."""
    return bool(robots_of(mail))


def _is_of_yahoogroups(mail: Mail) -> bool:
    return any(
        address.lower().startswith("notify") and address.lower().endswith("@yahoogroups.com")
        for address in (mail.envelope.sender, *authors_of(mail.header))
    )
