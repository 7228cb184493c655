"""Replies of a next hop (RFC 5321 4.2, RFC 2034)."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailcordon.errors import ProtocolError

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")
_QUEUED_AS = re.compile(r"\bqueued as ([A-Za-z0-9_.-]*[A-Za-z0-9])", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[^ -~]")
_TEXT_LIMIT = 380
"""With our own words around it a reply still fits into the 512 octets of a line (RFC 5321 4.5.3.1.5)."""


@dataclass(frozen=True, slots=True)
class HopReply:
    """One reply, its lines joined to one."""

    code: int
    enhanced: str
    """Enhanced status code, empty when the hop gave none."""
    text: str
    lines: tuple[str, ...] = ()
    """The lines as they came, without codes: what EHLO needs."""

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text)))

    @property
    def ok(self) -> bool:
        """2xx."""
        return 200 <= self.code < 300

    @property
    def negative(self) -> bool:
        """4xx or 5xx."""
        return self.code >= 400

    @property
    def status(self) -> str:
        """The enhanced status code, made up from the class of the reply where the hop gave none (B7.06)."""
        return self.enhanced or f"{self.code // 100}.0.0"

    @property
    def queued_as(self) -> str | None:
        """Queue id that the hop names, as Postfix does."""
        match = _QUEUED_AS.search(self.text)
        return match.group(1) if match else None


def parse_line(line: bytes) -> tuple[int, bool, str]:
    """Code, whether more lines follow, and text of one line; ProtocolError if it is no reply."""
    match = _LINE.fullmatch(line.rstrip(b"\r\n"))
    if match is None:
        raise ProtocolError(f"not a reply: {_printable(line[:80])!r}")
    return int(match.group(1)), match.group(2) == b"-", _printable(match.group(3) or b"")


@functools.lru_cache(maxsize=64)
def only_line(line: bytes) -> HopReply | None:
    """A reply of one line, None when more lines follow; hops say the same to each of many recipients. Raises
    ProtocolError."""
    code, more, text = parse_line(line)
    return None if more else join_lines(code, [text])


def join_lines(code: int, lines: Sequence[str]) -> HopReply:
    """One reply of all its lines; the enhanced code, which stands in each of them, is kept once."""
    enhanced, texts = "", []
    for line in lines:
        match = _ENHANCED.match(line) if line.startswith(str(code)[0]) else None
        if match:
            enhanced = enhanced or match.group(1)
        texts.append(line[match.end() if match else 0 :].strip())
    return HopReply(code, enhanced, _shortened(" ".join(filter(None, texts))), tuple(lines))


def _printable(octets: bytes) -> str:
    text = octets.decode("utf-8", "replace").strip()
    return text if text.isascii() and text.isprintable() else _UNPRINTABLE.sub("?", text)


def _shortened(text: str) -> str:
    """Cut out of the middle: queue ids stand at the end."""
    if len(text) <= _TEXT_LIMIT:
        return text
    half = (_TEXT_LIMIT - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"
