"""Archives and compressed files by libarchive."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mailcordon.errors import CannotDecodeError
from mailcordon.mail.part import DIRECTORY, ENCRYPTED, LINK, SPECIAL
from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.libarchive_reader import Entry, Libarchive, OpenArchive
from mailcordon.unpack.decoding.names import without_suffix
from mailcordon.unpack.decoding.overlay import may_have_overlay
from mailcordon.unpack.decoding.sink import Sink
from mailcordon.unpack.job import ProblemKind

NAME = "libarchive"
_UNNAMED = "data"
"""What libarchive calls the content of a compressed file that has no name of its own."""


def find_libarchive() -> str | None:
    """Name of the library on this host; None when there is none."""
    try:
        from libarchive.ffi import libarchive_path
    except (ImportError, OSError, AttributeError, TypeError):  # what the binding raises without the library
        return None
    return str(libarchive_path)


@dataclass(frozen=True, slots=True)
class ArchiveDecoder:
    """Opens one kind of archive."""

    short_types: frozenset[str]
    formats: tuple[str, ...]
    """Of libarchive, tried by content."""
    filters: tuple[str, ...] = ()
    """Compression that is part of the kind (rpm)."""
    name: str = NAME

    def find(self) -> str | None:
        """See Decoder."""
        return find_libarchive()

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        return read_archive(file, self.formats, self.filters, sink)


@dataclass(frozen=True, slots=True)
class AttachedArchiveDecoder:
    """Opens archives behind a program (self-extracting ones); a program without one is not applicable."""

    short_types: frozenset[str]
    formats: tuple[str, ...]
    name: str = NAME

    def find(self) -> str | None:
        """See Decoder."""
        return find_libarchive()

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        if not may_have_overlay(file):
            return Decoded.NOT_APPLICABLE
        before = len(sink.members)
        try:
            read_archive(file, self.formats, (), sink)
        except CannotDecodeError:
            if len(sink.members) == before:
                return Decoded.NOT_APPLICABLE
            raise
        return Decoded.KEEP if len(sink.members) > before else Decoded.NOT_APPLICABLE


@dataclass(frozen=True, slots=True)
class CompressedFileDecoder:
    """Opens compressed files, which hold one file; an archive in it is opened next."""

    short_types: frozenset[str]
    filter: str
    name: str = NAME

    def find(self) -> str | None:
        """See Decoder."""
        return find_libarchive()

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        with Libarchive().open(file, ("raw",), (self.filter,)) as archive:
            for entry in archive.entries():
                if not archive.is_filtered:
                    return Decoded.NOT_APPLICABLE
                if entry.name == _UNNAMED:
                    entry = replace(entry, name=without_suffix(name))
                if failure := _take(archive, entry, sink, encrypted=False):
                    raise failure
            return Decoded.KEEP if archive.has_leftover else Decoded.DONE


def read_archive(file: Path, formats: Sequence[str], filters: Sequence[str], sink: Sink) -> Decoded:
    """Put all members of an archive of these formats into `sink`; KEEP where there may be more in it.

    Goes on behind a member that cannot be read. Raises CannotDecodeError, at the end if it could go on, and
    LimitReachedError.
    """
    failure: CannotDecodeError | None = None
    with Libarchive().open(file, formats, filters) as archive:
        noted = False
        try:
            for entry in archive.entries():
                encrypted = entry.encrypted and not entry.directory
                noted |= encrypted
                failure = _take(archive, entry, sink, encrypted=encrypted) or failure
        except CannotDecodeError as error:
            if "encrypt" not in str(error).lower():
                raise
            if not noted:  # even the names are encrypted
                sink.note("", attributes=ENCRYPTED)
            return Decoded.DONE
        if failure is not None:
            raise failure
        if archive.has_passed_over:
            sink.problem(ProblemKind.UNREADABLE, "Something between its members is none of them")
        return Decoded.KEEP if archive.has_warned or archive.has_leftover else Decoded.DONE


def _take(archive: OpenArchive, entry: Entry, sink: Sink, *, encrypted: bool) -> CannotDecodeError | None:
    """Take one member; what went wrong with it, if anything."""
    attributes = DIRECTORY * entry.directory + LINK * entry.link + SPECIAL * entry.special + ENCRYPTED * encrypted
    if attributes:
        sink.note(entry.name, size=entry.size, attributes=attributes)
        return None
    failures: list[CannotDecodeError] = []
    sink.add(entry.name, _until_failure(archive.octets(), failures))
    if not failures:
        return None
    sink.mark_broken()
    return failures[0]


def _until_failure(chunks: Iterator[bytes], failures: list[CannotDecodeError]) -> Iterator[bytes]:
    try:
        yield from chunks
    except CannotDecodeError as error:
        failures.append(error)
