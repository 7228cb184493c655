"""One message on its way in: decodes and counts what follows DATA, and puts it into the spool."""

from mailcordon.config.message_settings import BareNewlinePolicy
from mailcordon.errors import SpoolError
from mailcordon.mail.content import Content
from mailcordon.mail.reply import Reply
from mailcordon.receive.dot_stuffing import DataDecoder
from mailcordon.receive.replies import BARE_NEWLINE, too_big
from mailcordon.receive.spool import Spool


class Reception:
    """Takes the octets of one message. What cannot be kept is read to its end and refused then."""

    def __init__(self, log_id: str, spool: Spool, size_limit: int, *, bare_newlines: BareNewlinePolicy = "no") -> None:
        """`size_limit` in octets, 0 for none; `bare_newlines` for CR and LF that are no CR LF (B6.12)."""
        self.log_id = log_id
        self.size = 0
        """Octets of the message so far, kept or not."""
        self.failure: SpoolError | None = None
        """Why the message could not be stored."""
        self._decoder = DataDecoder()
        self._spool = spool
        self._size_limit = size_limit
        self._bare_newlines = bare_newlines
        self._bare_newline = False

    @property
    def too_big(self) -> bool:
        """Whether the message is over the size limit (B6.06)."""
        return bool(self._size_limit) and self.size > self._size_limit

    @property
    def refusal(self) -> Reply | None:
        """Why the complete message is refused for good, None if it is not."""
        if self.too_big:
            return too_big(self.size)
        return BARE_NEWLINE if self._bare_newline else None

    @property
    def keeps(self) -> bool:
        """Whether what comes is stored, and not only read to the end of the message."""
        return self.failure is None and not self.too_big

    @property
    def in_file(self) -> bool:
        """Whether `flush`, `seal` and `discard` do file I/O and belong into a thread."""
        return self._spool.in_file

    @property
    def wants_flush(self) -> bool:
        """Whether to call `flush` before more is fed."""
        return self._spool.wants_flush

    def feed(self, octets: bytes | bytearray) -> bytes | None:
        """Take `octets`; gives back what follows the end of data, None while it has not come."""
        content, rest = self._decoder.feed(octets)
        # In what follows: the decoder gives no CR without the octet that follows it.
        if self._bare_newlines == "normalize":
            content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        elif self._bare_newlines == "reject":
            pairs = content.count(b"\r\n")
            self._bare_newline |= content.count(b"\r") > pairs or content.count(b"\n") > pairs
        self.size += len(content)
        if self.keeps:
            self._spool.add(content)
        return rest

    def refuse(self, failure: SpoolError) -> None:
        """Keep nothing more of it; `seal` will raise `failure`."""
        self.failure = failure

    def flush(self) -> None:
        """Write to the spool file. A failure is remembered, and what is already stored removed."""
        try:
            self._spool.flush()
        except SpoolError as error:
            self.failure = error
            self._spool.discard()

    def seal(self) -> Content:
        """The complete message. Raises SpoolError."""
        if self.failure is not None:
            raise self.failure
        return self._spool.seal()

    def discard(self) -> None:
        """Drop what is stored."""
        self._spool.discard()
