"""Mailboxes in one file: how mail is appended to them, and found in them again (B10.05, RFC 4155).

A line of the mail that begins with `From `, or with `>` before that, gets one more `>`; so it can be undone.
"""

import fcntl
import os
import re
import stat
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mailcordon.act.quarantine_file import FILE_MODE, make_directories
from mailcordon.directories import sync_directory
from mailcordon.errors import QuarantineError

_QUOTED = re.compile(rb">+From ")
_TO_QUOTE = re.compile(rb"^(>*From )", re.MULTILINE)
_START = b"From "
_LINE_LIMIT = 1024 * 1024
"""Octets; a longer line, which no mail may have, is parted."""


def append(directory: Path, relative: PurePosixPath, chunks: Iterable[bytes], *, sender: str, now: datetime) -> None:
    """Append a message to a file, which is made if need be, and make it durable. Blocks. Raises QuarantineError.

    Others who lock the file (flock and fcntl) wait meanwhile. When it fails, the file is as it was before.
    """
    path = directory / relative
    try:
        make_directories(directory, path.parent)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, FILE_MODE)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise QuarantineError(f"{path} is not a regular file")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            fcntl.lockf(descriptor, fcntl.LOCK_EX)
            before = os.fstat(descriptor).st_size
            if not before:
                sync_directory(path.parent)
            try:
                for octets in _entry(chunks, sender, now):
                    _write(file, octets)
                os.fsync(descriptor)
            except BaseException:
                os.ftruncate(descriptor, before)
                raise
    except OSError as error:
        raise QuarantineError(f"cannot append to {path}: {error.strerror or error}") from error


def messages_in(file: BinaryIO) -> Iterator[Iterator[bytes]]:
    """The messages of a mailbox, each as its lines without quoting; one must be read before the next is asked for."""
    reader = _Reader(file)
    while reader.find_start():
        message = reader.message()
        yield message
        for _ in message:
            pass


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._line = file.readline()

    def find_start(self) -> bool:
        while self._line and not self._line.startswith(_START):
            self._line = self._file.readline()
        return bool(self._line)

    def message(self) -> Iterator[bytes]:
        self._line = self._file.readline()
        blank = b""
        while self._line:
            if blank and self._line.startswith(_START):
                return
            if blank:
                yield blank
            blank = self._line if not self._line.strip(b"\r\n") else b""
            if not blank:
                yield self._line[1:] if _QUOTED.match(self._line) else self._line
            self._line = self._file.readline()


def _entry(chunks: Iterable[bytes], sender: str, now: datetime) -> Iterator[bytes]:
    who = re.sub(r"[^!-~]", "?", sender) or "MAILER-DAEMON"
    yield f"From {who}  {now:%a %b %e %H:%M:%S %Y}\n".encode()
    rest = b""
    for chunk in chunks:
        octets = rest + chunk
        end = octets.rfind(b"\n") + 1
        if end:
            yield _quoted(octets[:end])
        rest = octets[end:]
        if len(rest) > _LINE_LIMIT:
            yield _quoted(rest) + b"\n"
            rest = b""
    yield _quoted(rest) + (b"\n\n" if rest else b"\n")


def _quoted(lines: bytes) -> bytes:
    return _TO_QUOTE.sub(rb">\1", lines.replace(b"\r\n", b"\n"))


def _write(file: BinaryIO, octets: bytes) -> None:
    view = memoryview(octets)
    while view:
        view = view[os.write(file.fileno(), view) :]
