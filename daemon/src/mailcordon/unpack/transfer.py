"""Content transfer encodings (RFC 2045 section 6)."""

from binascii import a2b_base64, a2b_qp

from mailcordon.mail.part import Part

_BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64_ALPHABET) - {ord("=")})


def decoded(octets: memoryview, part: Part) -> bytes:
    """The body of `part` (of the message `octets`) without its transfer encoding; an unknown one leaves it as it is.

    Costs memory for a copy and time in proportion to it: call it in a thread for large parts. Never raises: what is
    broken decodes as far as it can, because a recipient's mail program will do so too.
    """
    body = octets[part.body_start : part.end]
    if part.encoding == "base64":
        return _base64(bytes(body))
    if part.encoding == "quoted-printable":
        return a2b_qp(body)
    return bytes(body)


def _base64(body: bytes) -> bytes:
    """Octets outside the alphabet are ignored (RFC 2045 6.8). Data behind padding counts: some readers go on there."""
    runs = body.translate(None, _NOT_BASE64).split(b"=")
    return b"".join(_base64_run(run) for run in runs if run)


def _base64_run(run: bytes) -> bytes:
    if len(run) % 4 == 1:  # six bits that make no octet
        run = run[:-1]
    return a2b_base64(run + b"=" * (-len(run) % 4))
