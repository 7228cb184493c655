"""What a message gives virus scanners to scan: itself, what was unpacked from it, and itself without that.

ClamAV needs about twice the time for an attachment inside a message than for the same octets unpacked. But signatures
for whole messages and for phishing see only what is in a message. So where parts are scanned, the message goes along
without the attachments: what was written, with its header section and all its text (docs/scanners.md has figures).
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from mailcordon.config.av_scanner import Scope
from mailcordon.mail.content import Content
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part

_STAYS_IN_MESSAGE = ("text/", "message/", "multipart/")
"""Types whose octets a scanner must see as part of a message."""
_WORTH_LEAVING_OUT = 16 * 1024
"""Octets of attachments below which a message is scanned as it is."""
_WRITE_IN_THREAD_FROM = 256 * 1024
_CHUNK = 256 * 1024
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@dataclass(frozen=True, slots=True)
class Whole:
    """The message as it came."""

    content: Content
    part: Part | None = None

    @property
    def size(self) -> int:
        """Octets."""
        return self.content.size

    def descriptor(self) -> int:
        """A descriptor of its own, for reading only, at the start: the caller closes it. OSError."""
        # Scanners move the offset that a passed descriptor shares with ours; and none but us may change the message.
        return os.open(f"/proc/self/fd/{self.content.fileno()}", os.O_RDONLY | os.O_CLOEXEC)

    @contextmanager
    def chunks(self) -> Iterator[Iterator[memoryview | bytes]]:
        """All octets, in pieces."""
        with self.content.view() as view:
            yield (view[start : start + _CHUNK] for start in range(0, len(view), _CHUNK))


@dataclass(frozen=True, slots=True)
class File:
    """What lies in a file."""

    path: Path
    part: Part | None = None

    @property
    def size(self) -> int:
        """Octets. OSError."""
        return self.path.stat().st_size

    def descriptor(self) -> int:
        """A descriptor of its own, for reading only, at the start: the caller closes it. OSError."""
        return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    @contextmanager
    def chunks(self) -> Iterator[Iterator[memoryview | bytes]]:
        """All octets, in pieces."""
        descriptor = self.descriptor()
        try:
            yield iter(lambda: os.read(descriptor, _CHUNK), b"")
        finally:
            os.close(descriptor)


Item = Whole | File
"""One thing that is scanned by itself."""


class ScanInput:
    """All that can be scanned of one message; a context manager that gives up what it has made."""

    def __init__(self, mail: Mail, root: Part) -> None:
        self.mail = mail
        self.root = root
        self._whole = Whole(mail.content)
        self._files = tuple(File(part.file, part) for part in root.walk() if part.file is not None)
        self._letter: Item = self._whole
        self._descriptor: int | None = None

    def items(self, scope: Scope) -> Sequence[Item]:
        """What a scanner of that scope gets. Whatever the scope is, no octet of a part is missing; of containers that
        lie in no file any more all that was inside is there."""
        if scope == "mail" or not self._files:
            return (self._whole,)
        if scope == "both" or self.root.is_doubtful:
            return (self._whole, *self._files)
        return (self._letter, *self._files)

    @property
    def number_of_files(self) -> int:
        """Parts and members that are scanned by themselves where they are wanted."""
        return len(self._files)

    async def leave_out_attachments(self) -> None:
        """Make the message without its attachments, for the scope `parts`, where that is worth it. OSError."""
        left_out = self._attachments() if self._files and not self.root.is_doubtful else []
        size = sum(end - start for start, end in left_out)
        if size < _WORTH_LEAVING_OUT:
            return
        self._descriptor = os.memfd_create("mailcordon", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        if self.mail.size - size < _WRITE_IN_THREAD_FROM:
            self._write(self._descriptor, left_out)
        else:
            await asyncio.to_thread(self._write, self._descriptor, left_out)
        self._letter = File(Path(f"/proc/self/fd/{self._descriptor}"))

    def _attachments(self) -> list[tuple[int, int]]:
        """The places in the message of bodies that lie in files, or whose members do, in order."""
        return sorted(
            (part.body_start, part.end)
            for part in self.root.walk()
            if (part.file is not None or (part.children and part.children[0].is_member))
            and not part.is_member
            and part is not self.root
            and not part.content_type.startswith(_STAYS_IN_MESSAGE)
        )

    def _write(self, descriptor: int, left_out: Sequence[tuple[int, int]]) -> None:
        with self.mail.content.view() as view:
            position = 0
            for start, end in (*left_out, (len(view), len(view))):
                with view[position:start] as piece:
                    _write_all(descriptor, piece)
                position = end
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def _write_all(descriptor: int, octets: memoryview) -> None:
    done = 0
    while done < len(octets):
        done += os.write(descriptor, octets[done:])
