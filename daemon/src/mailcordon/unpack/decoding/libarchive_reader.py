"""libarchive, called so that it reads one entry after the other and tells encrypted ones apart.

Formats and filters are always named: with `all`, texts become archives (mtree), and octets are given to programs.
"""

import logging
from collections.abc import Iterator, Sequence
from ctypes import c_int, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailcordon.errors import CannotDecodeError
from mailcordon.unpack.decoding.names import decoded_name

CHUNK = 256 * 1024
_END_OF_ARCHIVE = 1
_FAILED_ENTRY = -25
_MAX_BAD_ENTRIES = 20
_NO_REASON = "libarchive finds it broken or cut off"
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

    def open(self, file: Path, formats: Sequence[str], filters: Sequence[str]) -> "OpenArchive":
        """Raises CannotDecodeError when it is none of these formats and filters."""
        return OpenArchive(self, file, formats, filters)


class OpenArchive:
    """An archive while it is read; a context manager."""

    def __init__(self, library: Libarchive, file: Path, formats: Sequence[str], filters: Sequence[str]) -> None:
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

    def entries(self) -> Iterator[Entry]:
        """Each member; its `octets` are to be read before the next one. Raises CannotDecodeError."""
        bad = 0
        while True:
            try:
                if self._ffi.read_next_header2(self._pointer, self._entry) == _END_OF_ARCHIVE:
                    return
            except self._library.error as error:
                bad += 1
                if getattr(error, "retcode", None) != _FAILED_ENTRY or bad > _MAX_BAD_ENTRIES:
                    raise CannotDecodeError(reason(error)) from error
                continue
            yield self._describe()

    def octets(self) -> Iterator[bytes]:
        """Of the current member. Raises CannotDecodeError."""
        buffer = bytearray(CHUNK)
        address = (self._ffi.c_ubyte * CHUNK).from_buffer(buffer)
        view = memoryview(buffer)
        try:
            while count := self._ffi.read_data(self._pointer, address, CHUNK):
                yield bytes(view[:count])
        except self._library.error as error:
            raise CannotDecodeError(reason(error)) from error

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


def reason(error: Exception) -> str:
    """What libarchive says, as one line; it quotes no octets but those of names."""
    # Where it says nothing, as of most archives that are cut off, the binding's text is an address in memory.
    text = str((error.msg or _NO_REASON) if hasattr(error, "msg") else error)
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())[:200]
