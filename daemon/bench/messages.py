"""Messages for load: as real mail looks, and never two alike, because scanners remember what they have seen."""

import base64
import io
import itertools
import random
import secrets
import zipfile
from collections.abc import Iterator
from pathlib import Path

KINDS = ("4k", "64k", "1m")
"""4 KB of plain text; 64 KB of text and HTML; 1 MB with a zip archive."""

SENDER = "alice@sender.example.org"
_TEMPLATES = 40
_TOKEN = "0123456789abcdef" + "01234567"
"""Stands in a template wherever the finished message has 24 characters of its own."""
_CRLF = "\r\n"


class Mails:
    """An endless supply of unique messages of one kind, dot-stuffed and ready for DATA."""

    def __init__(self, kind: str, recipient: str) -> None:
        self._kind = kind
        self._random = random.Random(secrets.token_bytes(16))
        self._recipient = recipient
        self._words = _words()
        self._noise = secrets.token_bytes(800_000)
        self._templates = itertools.cycle([self._template() for _ in range(1 if kind == "1m" else _TEMPLATES)])

    def take(self, number: int) -> list[bytes]:
        """That many messages."""
        return list(itertools.islice(self._messages(), number))

    def _messages(self) -> Iterator[bytes]:
        for template in self._templates:
            token = secrets.token_hex(len(_TOKEN) // 2)
            message = template.replace(_TOKEN, token).encode("ascii")
            yield message.replace(b"@ARCHIVE@", self._archive(token)) if self._kind == "1m" else message

    def _template(self) -> str:
        build = {"4k": self._plain, "64k": self._alternative, "1m": self._with_archive}[self._kind]
        return _CRLF.join(f".{line}" if line.startswith(".") else line for line in build().split(_CRLF))

    def _header(self, content_type: str) -> str:
        return _CRLF.join(
            (
                f"Received: from mail.sender.example.org (unknown [203.0.113.{self._random.randint(1, 254)}])",
                f"\tby mx.example.test (Postfix) with ESMTPS id {_TOKEN[:10].upper()}",
                f"\tfor <{self._recipient}>; Sun, 22 Nov 2026 10:00:00 +0000 (UTC)",
                f"From: Alice Example <{SENDER}>",
                f"To: Bob <{self._recipient}>",
                f"Subject: Weekly notes {_TOKEN}",
                "Date: Sun, 22 Nov 2026 10:00:00 +0000",
                f"Message-ID: <{_TOKEN}@sender.example.org>",
                "User-Agent: Mozilla Thunderbird",
                "MIME-Version: 1.0",
                f"Content-Type: {content_type}",
                "",
                "",
            )
        )

    def _plain(self) -> str:
        return self._header("text/plain; charset=us-ascii") + self._prose(3300) + _signature()

    def _alternative(self) -> str:
        lines = self._prose(32_500).replace("<", "").replace("&", "").split(_CRLF)
        page = _CRLF.join(f'<p style="margin:0">{line}</p>' for line in lines)
        return self._multipart(
            "alternative",
            ("text/plain; charset=us-ascii", self._prose(20_000) + _signature()),
            ("text/html; charset=us-ascii", f"<html><body>\r\n{page}\r\n<p>{_TOKEN}</p></body></html>\r\n"),
        )

    def _with_archive(self) -> str:
        zip_type = 'application/zip; name="report.zip"\r\nContent-Transfer-Encoding: base64'
        return self._multipart(
            "mixed",
            ("text/plain; charset=us-ascii", self._prose(1500) + _signature()),
            (zip_type, "@ARCHIVE@"),
        )

    def _multipart(self, subtype: str, *parts: tuple[str, str]) -> str:
        boundary = f"=_{_TOKEN}"
        body = "".join(f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in parts)
        return self._header(f'multipart/{subtype}; boundary="{boundary}"') + body + f"--{boundary}--\r\n"

    def _archive(self, token: str) -> bytes:
        archive = io.BytesIO()
        start = self._random.randrange(20_000)
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as writer:
            writer.writestr("report.txt", f"{token}\n{self._prose(20_000)}")
            writer.writestr("scan.bin", token.encode() + self._noise[start : start + 715_000])
        return base64.encodebytes(archive.getvalue()).replace(b"\n", b"\r\n")

    def _prose(self, size: int) -> str:
        lines: list[str] = []
        written = 0
        while written < size:
            start = self._random.randrange(len(self._words) - 12)
            line = " ".join(self._words[start : start + self._random.randint(8, 12)])
            if self._random.random() < 0.08:
                line = ""
            lines.append(line)
            written += len(line) + len(_CRLF)
        return _CRLF.join(lines)


def _signature() -> str:
    return f"\r\n\r\nReference {_TOKEN}\r\n-- \r\nAlice\r\n"


def _words() -> list[str]:
    """English words in their natural order: the licences that every Debian system has."""
    texts = (path.read_text(errors="replace") for path in sorted(Path("/usr/share/common-licenses").iterdir()))
    words = [word for text in texts for word in text.split() if word.isascii() and word.isprintable()]
    if len(words) < 1000:
        raise RuntimeError("/usr/share/common-licenses has no text; reinstall the package base-files")
    return words
