"""Reads copies in quarantine: files, plain or packed, and mailboxes (B1.27 to B1.30)."""

import asyncio
import contextlib
import gzip
import itertools
import mmap
import os
import re
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from mailcordon.act.mailbox_file import messages_in
from mailcordon.config.partition_tag import with_tag
from mailcordon.confined_file import open_below, open_directory_below
from mailcordon.errors import ReleaseError
from mailcordon.mail.header import MAX_SEARCHED, HeaderSection
from mailcordon.mail.keeping import SqlQuarantine
from mailcordon.mail.line_ends import with_cr_lf
from mailcordon.mail.release import CopyKind, ReleaseRequest

QUARANTINE_ID = "X-Quarantine-ID"
LEADING = frozenset(
    {
        "return-path",
        "delivered-to",
        "x-envelope-from",
        "x-envelope-to",
        "x-envelope-to-blocked",
        QUARANTINE_ID.lower(),
    }
)
"""The fields on top of a copy, in lower case (B10.06)."""
SIZE_LIMIT = 1024 * 1024 * 1024
"""Octets; a packed file may claim to hold any number."""

_CHUNK = 256 * 1024
_MAIL_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/_.+-]*")
GZIP = b"\x1f\x8b"
_PATH = re.compile(r"<([^<>]*)>")


class StoredContent:
    """The octets of a copy in a file without a name."""

    def __init__(self, file: BinaryIO) -> None:
        """Takes over `file`, which is written. OSError when it cannot be mapped."""
        self._file = file
        self._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self._start = 0

    def skip(self, octets: int) -> None:
        """Leave out the first octets."""
        self._start = octets

    @property
    def size(self) -> int:
        """Length in octets."""
        return len(self._map) - self._start

    def view(self) -> memoryview:
        """All octets, read-only."""
        return memoryview(self._map)[self._start :]

    def fileno(self) -> int:
        """A descriptor that reads the same octets from where it stands."""
        os.lseek(self._file.fileno(), self._start, os.SEEK_SET)
        return self._file.fileno()

    def close(self) -> None:
        """Give it up."""
        self._file.close()
        # A view that outlives the message keeps the mapping until it goes.
        with contextlib.suppress(BufferError):
            self._map.close()


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """A copy as it was kept."""

    content: StoredContent
    header: HeaderSection
    location: str
    """What the log shows (B10.08)."""

    @property
    def original_start(self) -> int:
        """Offset of the first octet behind the fields of the quarantine; 0 where others were put above those."""
        for field in self.header.fields:
            name = field.name.lower()
            if name not in LEADING:
                return 0
            if name == QUARANTINE_ID.lower():
                return field.end
        return 0

    @property
    def sender(self) -> str:
        """The envelope sender (B1.30)."""
        return sender_in(self.header)

    @property
    def recipients(self) -> tuple[str, ...]:
        """The recipients who did not get it, else all of them (B1.30)."""
        blocked = self.header.text("X-Envelope-To-Blocked")
        return addresses_of(blocked if blocked is not None else self.header.text("X-Envelope-To"))


def sender_in(header: HeaderSection) -> str:
    """The envelope sender that a copy names (B1.30)."""
    text = header.text("X-Envelope-From")
    return addresses_of(text if text is not None else header.text("Return-Path"), or_empty=True)[0]


def mail_id_in(header: HeaderSection) -> str:
    """Of which mail a copy says that it is one; empty where it says nothing (B1.29)."""
    return (header.text(QUARANTINE_ID) or "").strip("<>")


def addresses_of(text: str | None, *, or_empty: bool = False) -> tuple[str, ...]:
    """The addresses between angle brackets of a field that was written by the quarantine."""
    found = tuple(_PATH.findall(text or ""))
    return found or (("",) if or_empty else ())


def read_file(request: ReleaseRequest, directory: Path, temporary: Path, *, subdir_levels: int) -> StoredCopy:
    """The copy that a request is about, from a file below `directory`. Blocks. Raises ReleaseError."""
    location, descriptor = _open(request, directory, subdir_levels)
    with os.fdopen(descriptor, "rb") as file:
        try:
            if request.copy_kind is CopyKind.MAILBOX:
                return _from_mailbox(request.mail_id, file, location, temporary)
            return checked(keep(_unpacked(file), temporary, location), request.mail_id)
        except (OSError, EOFError, zlib.error) as error:
            raise ReleaseError(f"cannot read {location}: {getattr(error, 'strerror', None) or error}") from error


async def read_sql(sql: SqlQuarantine, tag: str, mail_id: str, temporary: Path) -> StoredCopy:
    """The copy in a data base. Raises ReleaseError and StoreError."""
    location = with_tag(mail_id, tag)
    with tempfile.TemporaryFile(dir=temporary) as file:
        if not await sql.copy(tag, mail_id, file.write):
            raise ReleaseError(f"there is no copy of {location} in the data base")
        file.seek(0)
        try:
            kept = await asyncio.to_thread(keep, iter(lambda: file.read(_CHUNK), b""), temporary, location)
        except OSError as error:
            raise ReleaseError(f"cannot read {location}: {error.strerror}") from error
    return checked(kept, mail_id)


def keep(chunks: Iterable[bytes], temporary: Path, location: str) -> StoredCopy:
    """Hold what `chunks` give, with CR LF at the end of each line. Raises OSError and ReleaseError."""
    file = cast(BinaryIO, tempfile.TemporaryFile(dir=temporary))  # noqa: SIM115 - its content keeps it open
    try:
        _write(file, with_cr_lf(chunks), location)
        content = StoredContent(file)
    except BaseException:
        file.close()
        raise
    with content.view() as view:
        return StoredCopy(content, HeaderSection.of(view), location)


def _write(file: BinaryIO, chunks: Iterable[bytes], location: str) -> None:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > SIZE_LIMIT:
            raise ReleaseError(f"{location} holds more than {SIZE_LIMIT} octets")
        file.write(chunk)
    if not size:
        raise ReleaseError(f"{location} is empty")
    file.flush()


def checked(copy: StoredCopy, mail_id: str) -> StoredCopy:
    """The copy, if it says itself that it is that of `mail_id` (B1.29). Raises ReleaseError."""
    found = mail_id_in(copy.header)
    if found == mail_id:
        return copy
    copy.content.close()
    raise ReleaseError(
        f"{copy.location} has no {QUARANTINE_ID} field" if not found else f"{copy.location} is of another mail, {found}"
    )


def _open(request: ReleaseRequest, directory: Path, subdir_levels: int) -> tuple[str, int]:
    for relative in _candidates(request, directory, subdir_levels):
        try:
            return str(relative), open_below(directory, relative)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ReleaseError(f"cannot open {relative}: {error.strerror}") from None
    raise ReleaseError(f"there is no file {request.mail_file or request.mail_id} in quarantine")


def _candidates(request: ReleaseRequest, directory: Path, subdir_levels: int) -> Iterator[PurePosixPath]:
    """Where it may be: as named, in the directory of its mail_id, and by the end of its name (B1.27)."""
    initial = PurePosixPath(request.mail_id[0])
    if request.mail_file is not None:
        if not _MAIL_FILE.fullmatch(request.mail_file) or ".." in request.mail_file.split("/"):
            raise ReleaseError(f"mail_file {request.mail_file!r} is not allowed")
        named = PurePosixPath(request.mail_file)
        yield named
        if named.name == request.mail_file:
            yield initial / named
        if request.mail_file != request.mail_id:
            return
    name = request.mail_id + (".gz" if request.copy_kind is CopyKind.GZIP else "")
    places = (initial, PurePosixPath()) if subdir_levels else (PurePosixPath(), initial)
    for place in places:
        yield place / name
    named_so = [place / found for place in places for found in _ending_in(directory, place, request.mail_id)]
    if len(named_so) > 1:
        raise ReleaseError(f"several files are named {request.mail_id}, specify a mail_file in the AM.PDP request")
    yield from named_so


def _ending_in(directory: Path, place: PurePosixPath, mail_id: str) -> Iterator[str]:
    """Names such as `virus-MAIL_ID` and `spam-MAIL_ID.gz`, as the packaged methods make them."""
    try:
        descriptor = open_directory_below(directory, place)
    except OSError:
        return
    try:
        names = os.listdir(descriptor)
    finally:
        os.close(descriptor)
    pattern = re.compile(rf"[A-Za-z0-9]+[-_]{re.escape(mail_id)}(\.gz)?")
    yield from sorted(filter(pattern.fullmatch, names))


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    packed = file.read(2) == GZIP
    file.seek(0)
    with gzip.GzipFile(fileobj=file) if packed else contextlib.nullcontext(file) as stream:
        yield from iter(lambda: stream.read(_CHUNK), b"")


def _from_mailbox(mail_id: str, file: BinaryIO, location: str, temporary: Path) -> StoredCopy:
    found = []
    for lines in messages_in(file):
        head, all_lines = head_of(lines)
        if mail_id_in(HeaderSection.of(head)) == mail_id:
            found.append(keep(all_lines, temporary, location))
            if len(found) > 1:
                for copy in found:
                    copy.content.close()
                raise ReleaseError(f"Multiple ({len(found)} or more) messages with same mail_id exist in {location}")
    if not found:
        raise ReleaseError(f"there is no mail {mail_id} in {location}")
    return found[0]


def head_of(lines: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The lines up to the first empty one, and all lines once more."""
    head = []
    size = 0
    for line in lines:
        head.append(line)
        size += len(line)
        if not line.strip(b"\r\n") or size > MAX_SEARCHED:
            break
    return b"".join(head), itertools.chain(head, lines)
