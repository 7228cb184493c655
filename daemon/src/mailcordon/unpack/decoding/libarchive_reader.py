"""libarchive, called so that it reads one entry after the other and tells encrypted ones apart.

Formats and filters are always named: with `all`, texts become archives (mtree), and octets are given to programs.
"""

import logging
from collections.abc import Iterator, Sequence
from ctypes import byref, c_int, c_int64, c_longlong, c_size_t, c_void_p, string_at
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailcordon.errors import CannotDecodeError
from mailcordon.unpack.decoding.leftover import has_leftover
from mailcordon.unpack.decoding.names import decoded_name

CHUNK = 256 * 1024
_END_OF_ARCHIVE = 1
_WARNING = -20
_FAILED_ENTRY = -25
_MAX_BAD_ENTRIES = 20
_MAX_WARNINGS = 20
_NO_REASON = "libarchive finds it broken or cut off"
_DAMAGED = "libarchive finds a member of it damaged"
_PASSED_OVER = b"Skipped "
"""Beginning of libarchive's warning that it has gone on to something that looks like a member."""
_LONGEST_END_MARK = 124
"""Octets of the end mark of cpio (newc), which is a member with a name of its own."""
_READ_TO_THE_END = frozenset({"raw", "tar", "cpio", "ar", "lha", "cab", "rar", "rar5"})
"""Formats that libarchive reads from the beginning on, so that its place in the file is where the archive ends."""
_KINDS = 0o170000
_DIRECTORY = 0o040000
_SYMBOLIC_LINK = 0o120000
_REGULAR = 0o100000


@dataclass(frozen=True, slots=True)
class Entry:
    """What an archive says of a member."""

    name: str
    size: int
    """0 where the archive does not say."""
    encrypted: bool
    directory: bool
    link: bool
    special: bool
    """A device, socket or named pipe."""


class Libarchive:
    """The library, loaded once for a process."""

    def __init__(self) -> None:
        # It writes a line for every warning about an archive; hostile ones give millions.
        logging.getLogger("libarchive").setLevel(logging.ERROR)
        from libarchive import ffi
        from libarchive.exception import ArchiveError

        self.ffi: Any = ffi
        self.error: type[Exception] = ArchiveError
        self.entry_is_encrypted = ffi.ffi("entry_is_encrypted", [c_void_p], c_int)
        self.header_position = ffi.ffi("read_header_position", [c_void_p], c_int64)
        self.filter_bytes = ffi.ffi("filter_bytes", [c_void_p, c_int], c_int64)

    def open(self, file: Path, formats: Sequence[str], filters: Sequence[str]) -> "OpenArchive":
        """Raises CannotDecodeError when it is none of these formats and filters."""
        return OpenArchive(self, file, formats, filters)


class OpenArchive:
    """An archive while it is read; a context manager."""

    def __init__(self, library: Libarchive, file: Path, formats: Sequence[str], filters: Sequence[str]) -> None:
        self.has_warned = False
        """libarchive was not sure of something that it told of a member."""
        self.has_passed_over = False
        """Between the members was something that is none."""
        self._file = file
        self._has_end_mark = "cpio" in formats
        self._knows_its_end = _READ_TO_THE_END.issuperset(formats)
        self._library = library
        self._ffi = library.ffi
        self._pointer = self._ffi.read_new()
        self._entry = self._ffi.entry_new()
        try:
            for name in filters:
                self._ffi.get_read_filter_function(name)(self._pointer)
            for name in formats:
                self._ffi.get_read_format_function(name)(self._pointer)
            self._ffi.read_open_filename_w(self._pointer, str(file), CHUNK)
        except (library.error, ValueError) as error:
            self.close()
            raise CannotDecodeError(reason(error)) from error

    def __enter__(self) -> "OpenArchive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back what libarchive holds."""
        if self._pointer is not None:
            self._ffi.entry_free(self._entry)
            self._ffi.read_free(self._pointer)
            self._pointer = None

    @property
    def is_filtered(self) -> bool:
        """Whether a filter has recognised its octets."""
        return bool(self._ffi.filter_count(self._pointer) > 1)

    @property
    def has_leftover(self) -> bool:
        """Whether something lies behind its last member that is not looked at; to be asked after that."""
        return self._knows_its_end and has_leftover(self._file, self._library.filter_bytes(self._pointer, -1))

    def entries(self) -> Iterator[Entry]:
        """Each member; its `octets` are to be read before the next one. Raises CannotDecodeError."""
        bad = 0
        while True:
            try:
                result = self._ffi.read_next_header2(self._pointer, self._entry)
                self.has_warned |= result == _WARNING
                self.has_passed_over |= self._has_just_passed_over(at_end=result == _END_OF_ARCHIVE)
                if result == _END_OF_ARCHIVE:
                    return
            except self._library.error as error:
                bad += 1
                if getattr(error, "retcode", None) != _FAILED_ENTRY or bad > _MAX_BAD_ENTRIES:
                    raise CannotDecodeError(reason(error)) from error
                continue
            yield self._describe()

    def octets(self) -> Iterator[bytes]:
        """Of the current member. Raises CannotDecodeError; of a damaged one at the end, after all that there is."""
        octets, count, offset = c_void_p(), c_size_t(), c_longlong()
        done = warnings = 0
        try:
            # Not archive_read_data: with a warning it does not tell how much it has read.
            while warnings <= _MAX_WARNINGS:
                result = self._ffi.read_data_block(self._pointer, byref(octets), byref(count), byref(offset))
                if result == _END_OF_ARCHIVE:
                    break
                warnings += result == _WARNING
                yield from _hole(offset.value - done)
                if count.value:
                    yield string_at(octets, count.value)
                done = max(done, offset.value) + count.value
        except self._library.error as error:
            raise CannotDecodeError(reason(error)) from error
        if warnings:
            raise CannotDecodeError(_DAMAGED)

    def _has_just_passed_over(self, *, at_end: bool) -> bool:
        """Whether libarchive went on to something that looked like a member, or like the end mark."""
        if at_end:  # it does not say so then
            read = self._library.filter_bytes(self._pointer, 0) - self._library.header_position(self._pointer)
            return self._has_end_mark and bool(read > _LONGEST_END_MARK)
        complaint: bytes | None = self._ffi.error_string(self._pointer)
        return complaint is not None and complaint.startswith(_PASSED_OVER)

    def _describe(self) -> Entry:
        kind = self._ffi.entry_filetype(self._entry) & _KINDS
        hard = self._ffi.entry_hardlink(self._entry) or self._ffi.entry_hardlink_w(self._entry)
        return Entry(
            name=self._name(),
            size=max(self._ffi.entry_size(self._entry), 0) if self._ffi.entry_size_is_set(self._entry) else 0,
            encrypted=self._library.entry_is_encrypted(self._entry) != 0,
            directory=kind == _DIRECTORY,
            link=bool(hard) or kind == _SYMBOLIC_LINK,
            special=kind not in {0, _DIRECTORY, _SYMBOLIC_LINK, _REGULAR},
        )

    def _name(self) -> str:
        raw: bytes | None = self._ffi.entry_pathname(self._entry)
        if raw is None:  # not in the character set of this process
            wide: str | None = self._ffi.entry_pathname_w(self._entry)
            return wide or ""
        return decoded_name(raw)


def _hole(size: int) -> Iterator[bytes]:
    """The zeros of a sparse file, which the archive does not hold."""
    while size > 0:
        yield bytes(min(size, CHUNK))
        size -= CHUNK


def reason(error: Exception) -> str:
    """What libarchive says, as one line; it quotes no octets but those of names."""
    # Where it says nothing, as of most archives that are cut off, the binding's text is an address in memory.
    text = str((error.msg or _NO_REASON) if hasattr(error, "msg") else error)
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:200]
