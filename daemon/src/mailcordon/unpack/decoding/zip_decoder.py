"""Zip files by libarchive, read so that nothing hides between two ways to read them."""

from dataclasses import dataclass
from pathlib import Path

from mailcordon.errors import CannotDecodeError
from mailcordon.unpack.decoding.archive_decoder import NAME, find_libarchive, read_archive
from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.sink import Sink
from mailcordon.unpack.decoding.zip_structure import read_zip_structure
from mailcordon.unpack.decoding.zip_types import HEAD, zip_types

_BY_DIRECTORY = ("zip_seekable",)
_BY_LOCAL_HEADERS = ("zip_streamable",)


@dataclass(frozen=True, slots=True)
class ZipDecoder:
    """Opens zip files and documents that are zip files.

    Some programs go by the directory at the end, others by the headers before each member, and of two zip files in one
    the former see the second, the latter the first. Where it could make a difference members are read both ways.
    """

    short_types: frozenset[str] = frozenset({"zip"})
    name: str = NAME

    def find(self) -> str | None:
        """See Decoder."""
        return find_libarchive()

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        structure = read_zip_structure(file)
        ways = [_BY_DIRECTORY] if structure is not None else []
        if (structure is None or not structure.unambiguous) and _begins_with_header(file):
            ways.append(_BY_LOCAL_HEADERS)
        failure: CannotDecodeError | None = None
        for formats in ways:
            try:
                read_archive(file, formats, (), sink)
            except CannotDecodeError as error:
                failure = failure or error
        if structure is not None and not structure.unambiguous:
            # Where header and directory name a member differently, libarchive goes by the header, many others do not.
            for unheard in sorted(structure.names - {member.name for member in sink.members}):
                sink.note(unheard)
        if failure is not None:
            raise failure
        if not ways:
            return Decoded.NOT_APPLICABLE
        # Documents are worth scanning as a whole, and so is what stands before or between the members.
        plain = structure is not None and structure.unambiguous and not zip_types(structure, _head(file))
        return Decoded.DONE if plain else Decoded.KEEP


def _begins_with_header(file: Path) -> bool:
    return _head(file)[:4] in {b"PK\x03\x04", b"PK\x07\x08", b"PK00"}


def _head(file: Path) -> bytes:
    with open(file, "rb") as stream:
        return stream.read(HEAD)
