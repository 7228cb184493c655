"""Files with parts of the configuration outside of the fragments, read again when they change."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

C = TypeVar("C")

_Stamp = tuple[int, int, int]


class WatchedFile(Generic[C]):
    """What a file holds. `refresh` reads it again after a change; a file that is no good then changes nothing."""

    def __init__(self, path: str, make: Callable[[str], C]) -> None:
        """Raises ValueError with one line when the file cannot be read or understood."""
        if not path.startswith("/"):
            raise ValueError(f"{path!r} is not an absolute path")
        self.path = Path(path)
        self._make = make
        self._stamp, self.content = self._read()
        self._complaint = ""

    def refresh(self) -> bool:
        """Read the file again if it is another than before; whether that is in force. Logs, never raises.

        May be called from another thread: the content is replaced as a whole.
        """
        try:
            if _stamp(self.path) == self._stamp:
                return False
            self._stamp, self.content = self._read()
        except (OSError, ValueError) as error:
            reason = f"{self.path}: cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
            if reason != self._complaint:
                log.warning("%s; the former one stays in force", reason)
            self._complaint = reason
            return False
        self._complaint = ""
        log.info("%s was read again", self.path)
        return True

    def _read(self) -> tuple[_Stamp, C]:
        try:
            stamp = _stamp(self.path)
            text = self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(f"{self.path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise ValueError(f"{self.path}: not UTF-8: octet {error.start}") from None
        try:
            return stamp, self._make(text)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
