"""The mails that the tests send, as bytes with CRLF line ends.

EICAR and GTUBE never stand in a file as they are: scanners would take the file away. They are put together here.
Every harmful content has a twin that differs from it in one byte and must pass: it proves that the test can fail.
"""

import io
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP

SENDER_DOMAIN = "sender.example"
BODY = "Nothing to see here.\r\n"


def eicar() -> bytes:
    """The 68 bytes that every virus scanner takes for a virus (eicar.org)."""
    return rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"


def twin() -> bytes:
    """EICAR with one byte changed: harmless."""
    return eicar().replace(b"H+H*", b"H+H+")


def gtube() -> bytes:
    """The line that SpamAssassin takes for spam (spamassassin.apache.org/gtube)."""
    return b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-" + b"STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def gtube_twin() -> bytes:
    """GTUBE with one byte changed: no spam."""
    return gtube().replace(b"C.34X", b"C.35X")


def zipped(name: str, content: bytes) -> bytes:
    """A zip archive that holds one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def text_mail(token: str, recipient: str, body: bytes, *, transfer_encoding: str = "7bit") -> bytes:
    """A mail whose body is exactly the given bytes."""
    header = (
        f"From: Test <{sender_of(token)}>\r\n"
        f"To: <{recipient}>\r\n"
        f"Subject: probe {token}\r\n"
        "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
        f"Message-ID: <{token}@{SENDER_DOMAIN}>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: {transfer_encoding}\r\n"
        "\r\n"
    )
    return header.encode() + body


def attachment_mail(token: str, recipient: str, name: str, content: bytes) -> bytes:
    """A mail with a short text and one attachment in base64."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = f"Test <{sender_of(token)}>"
    mail["To"] = f"<{recipient}>"
    mail["Subject"] = f"probe {token}"
    mail["Date"] = "Sun, 22 Nov 2026 12:00:00 +0000"
    mail["Message-ID"] = f"<{token}@{SENDER_DOMAIN}>"
    mail.set_content(BODY)
    mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes()


def bounce_mail(token: str, recipient: str, message_id: str) -> bytes:
    """A delivery status notification (RFC 3464) for a mail of the recipient's with that Message-ID."""
    returned = (
        f"From: <{recipient}>\r\nTo: <nobody@remote.example>\r\nSubject: came back\r\nMessage-ID: {message_id}\r\n"
        "Date: Sun, 22 Nov 2026 11:59:00 +0000\r\n\r\nbody\r\n"
    )
    parts = {
        "text/plain": "It could not be delivered.\r\n",
        "message/delivery-status": "Reporting-MTA: dns; mx.remote.example\r\n\r\nAction: failed\r\n",
        "message/rfc822": returned,
    }
    return (
        f"From: MAILER-DAEMON@mx.remote.example\r\nTo: <{recipient}>\r\nSubject: probe {token}\r\n"
        f"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{token}@mx.remote.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=part\r\n\r\n"
        + "".join(f"--part\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in parts.items())
        + "--part--\r\n"
    ).encode()


def sender_of(token: str) -> str:
    """The envelope sender of the mail with this token: one of its own, so that queue and log can be searched for it."""
    return f"{token}@{SENDER_DOMAIN}"


def _zip_in_zip(content: bytes) -> bytes:
    return zipped("inner.zip", zipped("file.dat", content))


Build = Callable[[str, str, bytes], bytes]

# How a content can be carried: name -> function of token, recipient and content. No rule bans the names of the files.
FORMS: dict[str, Build] = {
    "plain": lambda token, recipient, content: text_mail(token, recipient, content + b"\r\n"),
    "base64": lambda token, recipient, content: attachment_mail(token, recipient, "file.dat", content),
    "zip": lambda token, recipient, content: attachment_mail(token, recipient, "file.zip", zipped("file.dat", content)),
    "zip_zip": lambda token, recipient, content: attachment_mail(token, recipient, "file.zip", _zip_in_zip(content)),
}
