"""Bounces as mail systems make them, for tests."""

from base64 import b64encode

BOB = "bob@example.test"
FOREIGN = "<forged@elsewhere.example>"
_STATUS = (
    b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.remote.example\r\n\r\nAction: failed\r\n"
)
_TEXT = b"Content-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"


def bounced(message_id: str | None = FOREIGN) -> bytes:
    """The header section of the message that came back."""
    about_id = f"Message-ID: {message_id}\r\n" if message_id is not None else "MIME-Version: 1.0\r\n"
    head = (
        "Return-Path: <bob@example.test>\r\n"
        "Received: from a.example by b.example;\r\n\tSun, 22 Nov 2026 11:59:00 +0000\r\n"
        f"From: Bob <bob@example.test>\r\nTo: nobody@remote.example\r\nSubject: offer\r\n{about_id}"
    )
    return head.encode()


def message(content_type: str, *parts: bytes, author: str = "MAILER-DAEMON@mx.remote.example", **fields: str) -> bytes:
    """A message with these parts, each with its own header section; more fields with `_` for the hyphen."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    head = f"From: {author}\r\nTo: bob@example.test\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n{more}"
    head += "MIME-Version: 1.0\r\nMessage-ID: <bounce@mx.remote.example>\r\n"
    head += f"Content-Type: {content_type}; boundary=b\r\n\r\n"
    return head.encode() + b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"


def attached(header: bytes, kind: str = "text/rfc822-headers", encoding: str = "7bit") -> bytes:
    """The part that holds the header section."""
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + header + b"\r\nbody\r\n"


def dsn(message_id: str | None = FOREIGN, kind: str = "message/rfc822", **fields: str) -> bytes:
    """A delivery status notification of the standard (RFC 3462, RFC 3464)."""
    return message(
        "multipart/report; report-type=delivery-status", _TEXT, _STATUS, attached(bounced(message_id), kind), **fields
    )


def qmail(message_id: str | None = FOREIGN) -> bytes:
    """One text, in which the message stands behind a paragraph for people."""
    head = b"From: MAILER-DAEMON@mx.remote.example\r\nTo: bob@example.test\r\nSubject: failure notice\r\n"
    head += b"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <q@mx.remote.example>\r\n\r\n"
    text = b"Hi. This is the qmail-send program.\r\nFrom: you\r\nTo: them\r\n\r\n"
    text += b"<nobody@remote.example>:\r\nno mailbox\r\n"
    return (
        head
        + text
        + b"\r\n--- Below this line is a copy of the message.\r\n\r\n"
        + bounced(message_id)
        + b"\r\nbody\r\n"
    )


def msn(message_id: str | None = FOREIGN, **fields: str) -> bytes:
    """A mixed message with the other one attached."""
    parts = (_TEXT, attached(bounced(message_id), "message/rfc822"))
    return message("multipart/mixed", *parts, **{"Subject": "Delivery Failure Notification", **fields})


SHAPES = {
    "DSN": dsn(),
    "DSN with headers only": dsn(kind="text/rfc822-headers"),
    "DSN in UTF-8": dsn(kind="message/global-headers"),
    "partial": dsn(kind="message/partial"),
    "without a status": message("multipart/report; report-type=delivery-status", _TEXT, attached(bounced())),
    "two texts": message('multipart/report; report-type="delivery-status"', _TEXT, _TEXT, _STATUS, attached(bounced())),
    "text for headers": message(
        "multipart/report; report-type=delivery-status", _TEXT, _STATUS, attached(bounced(), "text/plain")
    ),
    "read receipt": message(
        "multipart/report; report-type=disposition-notification",
        _TEXT,
        _STATUS.replace(b"delivery-status", b"disposition-notification"),
        attached(bounced()),
    ),
    "feedback report": message(
        "multipart/report; report-type=feedback-report",
        _TEXT,
        _STATUS.replace(b"delivery-status", b"feedback-report"),
        attached(bounced(), "message/rfc822"),
    ),
    "quoted in the text": message(
        "multipart/report; report-type=delivery-status",
        b"Content-Type: text/plain\r\n\r\nNo.\r\n\r\n" + b"".join(b"> " + x + b"\r\n" for x in bounced().splitlines()),
        _STATUS,
    ),
    "qmail": qmail(),
    "MSN": msn(),
    "mixed by MAILER-DAEMON": msn(Subject="Undelivered"),
    "base64": message(
        "multipart/report; report-type=delivery-status",
        _TEXT,
        _STATUS,
        _TEXT.partition(b"\r\n")[0].replace(b"text/plain", b"text/rfc822-headers")
        + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + b64encode(bounced()),
    ),
}
"""All that are recognised, of a message with the Message-ID FOREIGN."""
