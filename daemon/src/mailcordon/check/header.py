"""The header check: what RFC 5322 and RFC 2045 do not allow in a header section (contract B5.01, BADH 1 to 8)."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from mailcordon.check.base import ScannerState
from mailcordon.config.policy import Policy
from mailcordon.config.settings import HeaderTest
from mailcordon.mail.category import Category, Major
from mailcordon.mail.finding import Finding, Findings
from mailcordon.mail.header import HeaderField, HeaderSection
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part

LINE_LIMIT = 998
"""Octets of a line without its end (RFC 5322 2.1.1)."""
_LARGE_HEADER = 256 * 1024
"""Octets from which on the check could hold up the event loop for more than about a millisecond."""

_NOT_CONTROL = bytes(octet for octet in range(256) if octet in b"\t\r\n" or (octet >= 32 and octet != 127))
_REQUIRED = ("date", "from")
_SINGLE = frozenset(
    {
        "bcc",
        "cc",
        "content-description",
        "content-disposition",
        "content-id",
        "content-transfer-encoding",
        "content-type",
        "date",
        "from",
        "in-reply-to",
        "message-id",
        "mime-version",
        "references",
        "reply-to",
        "sender",
        "subject",
        "to",
    }
)
"""Fields that may stand in a header once (RFC 5322 3.6, RFC 2045 3)."""
_ENCODINGS = frozenset({"7bit", "8bit", "binary", "quoted-printable", "base64", "x-uuencode", "x-uue", "uuencode"})
_TRANSPARENT = frozenset({"7bit", "8bit", "binary"})
_WHITE_LINE = re.compile(rb"\n[ \t]+\r?\n")
_NAME_LIMIT = 60

_Test = Callable[[HeaderSection, Part], Iterator[str]]


class HeaderCheck:
    """Looks for faults in the header section; needs no server. One finding for each kind of fault."""

    name = "header"

    def __init__(self, allowed: Mapping[HeaderTest, bool]) -> None:
        """`allowed` says which tests are made; those that it does not name are."""
        self._tests = [
            (Category(Major.BAD_HEADER, minor), test)
            for name, (minor, test) in TESTS.items()
            if allowed.get(name, True)
        ]

    def is_wanted(self, mail: Mail, policies: Sequence[Policy]) -> bool:
        """Unless all recipients bypass it."""
        return not all(policy.bypass_header_checks for policy in policies)

    async def run(self, mail: Mail, root: Part, policies: Sequence[Policy]) -> Findings:
        """The faults."""
        if len(mail.header.octets) < _LARGE_HEADER:
            return self._find(mail.header, root)
        return await asyncio.to_thread(self._find, mail.header, root)

    def _find(self, header: HeaderSection, root: Part) -> Findings:
        found = []
        for category, test in self._tests:
            problem = next(test(header, root), None)
            if problem is not None:
                found.append(Finding(category, problem, self.name))
        return Findings(tuple(found)) if found else _NOTHING

    async def ready(self) -> Sequence[ScannerState]:
        """There is nothing that could be absent."""
        return ()

    async def close(self) -> None:
        """There is nothing to close."""


_NOTHING = Findings()


def _mime(header: HeaderSection, root: Part) -> Iterator[str]:
    if root.encoding not in _ENCODINGS and not root.encoding.startswith("x-"):
        yield "MIME error: unknown content transfer encoding"
    kind = root.content_type.partition("/")[0]
    if kind in ("multipart", "message") and root.encoding not in _TRANSPARENT:
        yield f"MIME error: {kind} with a content transfer encoding"
    if kind == "multipart" and not root.children:
        yield "MIME error: multipart without parts"


def _eight_bit(header: HeaderSection, root: Part) -> Iterator[str]:
    if header.octets.isascii():
        return
    try:
        header.octets.decode("utf-8")
    except UnicodeDecodeError as error:
        kind = "Non-encoded non-ASCII data (and not UTF-8)"
        yield f"{kind} (char {header.octets[error.start]:02X} hex): {_field_at(header, error.start)}"


def _control(header: HeaderSection, root: Part) -> Iterator[str]:
    octets = header.octets
    strange = octets.translate(None, _NOT_CONTROL)
    if strange:
        at = octets.index(strange[:1])
    elif octets.count(b"\r") != octets.count(b"\r\n"):
        at = octets.replace(b"\r\n", b"\n\n").index(b"\r")
    else:
        return
    yield f"Improper use of control character (char {octets[at]:02X} hex): {_field_at(header, at)}"


def _empty(header: HeaderSection, root: Part) -> Iterator[str]:
    match = _WHITE_LINE.search(header.octets)
    if match is not None:
        kind = "Improper folded header field made up entirely of whitespace"
        yield f"{kind}: {_field_at(header, match.start())}"


def _long(header: HeaderSection, root: Part) -> Iterator[str]:
    if len(header.octets) <= LINE_LIMIT:
        return
    at = 0
    for line in header.octets.split(b"\n"):
        if len(line.removesuffix(b"\r")) > LINE_LIMIT:
            yield f"Header line longer than {LINE_LIMIT} characters: {_field_at(header, at)}"
        at += len(line) + 1


def _syntax(header: HeaderSection, root: Part) -> Iterator[str]:
    fields = header.fields
    if header.octets and (not fields or fields[0].start):
        yield "Invalid header field: the first line is none"
    for field in fields:
        # What continues a field is unfolded in its body: a line end in it begins a line that does not.
        if b"\n" in field.body:
            yield f"Invalid header field: line after {_name(field)}"


def _missing(header: HeaderSection, root: Part) -> Iterator[str]:
    for name in _REQUIRED:
        if name not in header.names:
            yield f'Missing required header field: "{name.capitalize()}"'


def _multiple(header: HeaderSection, root: Part) -> Iterator[str]:
    seen: set[str] = set()
    for number, name in enumerate(header.names):
        if name in seen:
            yield f'Duplicate header field: "{_name(header.fields[number])}"'
        elif name in _SINGLE:
            seen.add(name)


def _name(field: HeaderField) -> str:
    return field.name[:_NAME_LIMIT]


def _field_at(header: HeaderSection, at: int) -> str:
    """Name of the field that holds the octet, for people; what stands in it may be private."""
    return next((_name(field) for field in header.fields if field.start <= at < field.end), "no field")


TESTS: Mapping[HeaderTest, tuple[int, _Test]] = {
    "mime": (1, _mime),
    "8bit": (2, _eight_bit),
    "control": (3, _control),
    "empty": (4, _empty),
    "long": (5, _long),
    "syntax": (6, _syntax),
    "missing": (7, _missing),
    "multiple": (8, _multiple),
}
"""The tests by the name that `allowed_header_tests` has for them, and the minor category of what they find."""
