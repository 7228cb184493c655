"""Messages for tests. What scanners look for stands in no file: it is put together here from halves."""

import io
import zipfile
from email.message import EmailMessage
from email.policy import SMTP


def eicar() -> bytes:
    """The EICAR test file, 68 octets."""
    return rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STAND" + b"ARD-ANTIVIRUS-TEST-FILE!$H+H*"


def eicar_twin() -> bytes:
    """EICAR with one octet changed: no scanner may find it."""
    return eicar()[:-1] + b"+"


def gtube() -> bytes:
    """The line that SpamAssassin rates with 1000 points."""
    return b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STAND" + b"ARD-ANTI-UBE-TEST-EMAIL*C.34X"


def gtube_twin() -> bytes:
    """GTUBE with one octet changed."""
    return gtube()[:-1] + b"Y"


def zipped(octets: bytes, name: str = "file.txt") -> bytes:
    """A zip archive with one member."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr(name, octets)
    return archive.getvalue()


def plain(body: bytes = b"Good morning.\r\n", subject: str = "Hello") -> bytes:
    """A message of one part as it comes in by SMTP."""
    head = (
        "From: Alice <alice@sender.example>\r\n"
        "To: Bob <bob@example.test>\r\n"
        f"Subject: {subject}\r\n"
        "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
        "Message-ID: <20261122120000.4711@sender.example>\r\n"
        "\r\n"
    )
    return head.encode() + body


def with_attachment(octets: bytes, name: str = "file.bin") -> bytes:
    """A message with text and an attachment in base64."""
    message = EmailMessage(policy=SMTP)
    message["From"] = "Alice <alice@sender.example>"
    message["To"] = "Bob <bob@example.test>"
    message["Subject"] = "With an attachment"
    message["Date"] = "Sun, 22 Nov 2026 12:00:00 +0000"
    message["Message-ID"] = "<20261122120000.4712@sender.example>"
    message.set_content("See the attachment.\n")
    message.add_attachment(octets, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()
