"""End of data and dot-unstuffing (RFC 5321 4.5.2), incrementally.

Only CR LF `.` CR LF ends the data (B6.12). A bare LF or a bare CR is content like any other octet and stays as it is:
it neither starts a line nor ends one, so `LF . LF`, `LF . CR LF`, `CR . CR` and their kin cannot end a message here
and let the next octets pass for commands (SMTP smuggling, features 18.19).
"""

_END_OF_DATA = b"\r\n.\r\n"
_STUFFED = b"\r\n."
_LINE_END = b"\r\n"
_UNDECIDED = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")
"""What may still become the end of data, longest first."""


class DataDecoder:
    """Decodes what a client sends after DATA; feed it the octets in any pieces."""

    def __init__(self) -> None:
        # The line end of the DATA command counts as the one before the first line of the message.
        self._held = _LINE_END
        self._not_content = len(_LINE_END)

    def feed(self, octets: bytes | bytearray) -> tuple[bytes, bytes | None]:
        """Give back the content decoded so far, and what follows the end of data, or None while it has not come."""
        pending = self._held + octets
        end = pending.find(_END_OF_DATA)
        if end >= 0:
            content = pending[: end + len(_LINE_END)]
            return self._content(content), pending[end + len(_END_OF_DATA) :]
        keep = next((len(tail) for tail in _UNDECIDED if pending.endswith(tail)), 0)
        split = len(pending) - keep
        self._held = pending[split:]
        return self._content(pending[:split]), None

    def _content(self, octets: bytes) -> bytes:
        decoded = octets.replace(_STUFFED, _LINE_END)
        skipped = min(self._not_content, len(decoded))
        if not skipped:
            return decoded
        self._not_content -= skipped
        return decoded[skipped:]
