"""Scripts and the like, which libmagic calls text.

Content that only resembles a script is not enough: a mail may well show one. Either the name or the declared type says
that it is one, or the file begins as nothing but a script of this kind can.
"""

import re
from pathlib import PurePosixPath

LOOKED_AT = 16 * 1024
"""Octets of the beginning of a file that are looked at."""

_BY_SUFFIX = {
    "js": "js",
    "jse": "js",
    "mjs": "js",
    "vbs": "vbs",
    "vbe": "vbs",
    "vb": "vbs",
    "wsf": "wsf",
    "wsc": "wsf",
    "sct": "wsf",
    "wsh": "wsf",
    "hta": "hta",
    "ps1": "ps1",
    "psm1": "ps1",
    "psd1": "ps1",
    "ps1xml": "ps1",
    "bat": "bat",
    "cmd": "bat",
    "url": "url",
    "website": "url",
    "reg": "reg",
    "inf": "inf",
}
_BY_DECLARED_TYPE = {
    "application/javascript": "js",
    "application/x-javascript": "js",
    "text/javascript": "js",
    "text/jscript": "js",
    "text/vbscript": "vbs",
    "text/vbs": "vbs",
    "application/hta": "hta",
    "application/x-powershell": "ps1",
    "application/x-bat": "bat",
    "application/bat": "bat",
    "application/internet-shortcut": "url",
}
_XML = r"(?:<\?xml[^>]{0,200}\?>\s*)?"
_BEGINNINGS = (
    (re.compile(r"#@~\^[A-Za-z0-9+/]{6}==", re.ASCII), "vbs"),  # Microsoft's script encoder
    (re.compile(rf"{_XML}<(?:job|package)\b[^<]{{0,400}}<(?:script|job|runtime)\b", re.IGNORECASE), "wsf"),
    (re.compile(rf"{_XML}<scriptlet\b", re.IGNORECASE), "wsf"),
    (re.compile(r"@echo (?:off|on)\b", re.IGNORECASE), "bat"),
    (re.compile(r"\[InternetShortcut\]", re.IGNORECASE), "url"),
    (re.compile(r"Windows Registry Editor Version|REGEDIT4", re.IGNORECASE), "reg"),
)
_HTML_APPLICATION = re.compile(r"<hta:application\b", re.IGNORECASE)
# Where neither name nor type says anything, only calls that a script of this kind is about.
_CALLS = (
    (re.compile(r"\bnew ActiveXObject\s?\(|\bWScript\.(?:CreateObject|Quit)\s?\([^\n;]{0,200}\);"), "js"),
    (
        re.compile(r"^[ \t]*(?:Set[ \t]+\w{1,80}[ \t]*=[ \t]*)?CreateObject\s?\(\s?\"", re.IGNORECASE | re.MULTILINE),
        "vbs",
    ),
    (re.compile(r"\bNew-Object\s+(?:System\.)?Net\.WebClient|\bInvoke-Expression\b|\bIEX\s*\(", re.IGNORECASE), "ps1"),
)
_BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8"))


def script_type(head: bytes, name: str, declared_type: str, *, is_html: bool) -> str | None:
    """The short type of a text with this beginning, name and declared MIME type; None for a text that is just that."""
    text = _decoded(head).lstrip("\ufeff \t\r\n")
    for pattern, short in _BEGINNINGS:
        if pattern.match(text):
            return short
    suffix = PurePosixPath(name.rstrip(". ")).suffix[1:].lower()
    named = _BY_SUFFIX.get(suffix) or _BY_DECLARED_TYPE.get(declared_type)
    if named is None and is_html and _HTML_APPLICATION.search(text):
        return "hta"
    if named is not None or is_html:
        return named
    if suffix or declared_type.startswith(("text/", "message/")):
        return None
    return next((short for pattern, short in _CALLS if pattern.search(text)), None)


def _decoded(head: bytes) -> str:
    for mark, charset in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return head.decode(charset, "replace")
    return head.decode("latin-1")
