"""Content transfer encodings (RFC 2045 section 6)."""

import re
from binascii import a2b_base64, a2b_qp

from mailcordon.mail.part import Part

IDENTITY = frozenset({"7bit", "8bit", "binary"})
BASE64 = "base64"
QUOTED_PRINTABLE = "quoted-printable"
UUENCODED = frozenset({"x-uuencode", "x-uue", "uuencode", "uue"})
_KNOWN = IDENTITY | UUENCODED | {BASE64, QUOTED_PRINTABLE}
_MISTAKEN_FOR_IDENTITY = frozenset(
    {"7", "8", "7-bit", "8-bit", "7bits", "8bits", "none", "plain", "text", "utf-8", "us-ascii", "iso-8859-1"}
)
"""What senders write who mean no encoding; no reader decodes anything there."""
_BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64_ALPHABET) - {ord("=")})
_ONLY_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]*+")
_COMMENT = re.compile(r"\([^()]*+\)")
_WORD = re.compile(r'[^\s;,()"]++')


def read_encoding(field: str) -> tuple[str, str | None]:
    """The encoding that a Content-Transfer-Encoding field names, in lower case, and why readers may see another."""
    given = field.strip().lower()
    if given in _KNOWN:
        return given, None
    match = _WORD.search(_COMMENT.sub(" ", given))
    word = match.group() if match else "7bit"
    if word in IDENTITY or word in _MISTAKEN_FOR_IDENTITY:
        return word, None
    # Some readers want the bare word, others find it between quotes, comments and more.
    return word, "ambiguous content transfer encoding" if word in _KNOWN else "unknown content transfer encoding"


def decoded(octets: memoryview, part: Part) -> bytes:
    """The body of `part` (of the message `octets`) without its transfer encoding; an unknown one leaves it as it is.

    So does uuencode: what it hides is for a decoder process (features 7.05). Costs memory for a copy and time in
    proportion to it: call it in a thread for large parts. Never raises: what is broken decodes as far as it can,
    because a recipient's mail program will do so too.
    """
    return decode(octets[part.body_start : part.end], part.encoding)


def decode(body: memoryview, encoding: str) -> bytes:
    """`body` without its transfer encoding, as `decoded`; also for the beginning of one."""
    if encoding == BASE64:
        return _base64(bytes(body))
    if encoding == QUOTED_PRINTABLE:
        return a2b_qp(body)
    return bytes(body)


def is_pure_base64(body: memoryview) -> bool:
    """Whether nothing is in it that readers could skip, or take for something else."""
    return _ONLY_BASE64.fullmatch(body) is not None


def _base64(body: bytes) -> bytes:
    """Octets outside the alphabet are ignored (RFC 2045 6.8). Data behind padding counts: some readers go on there."""
    runs = body.translate(None, _NOT_BASE64).split(b"=")
    return b"".join(_base64_run(run) for run in runs if run)


def _base64_run(run: bytes) -> bytes:
    if len(run) % 4 == 1:  # six bits that make no octet
        run = run[:-1]
    return a2b_base64(run + b"=" * (-len(run) % 4))
