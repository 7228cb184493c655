"""Archives by 7-Zip, for what libarchive lacks (B13.01)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mailcordon.errors import CannotDecodeError
from mailcordon.mail.part import ENCRYPTED
from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.extraction import extract
from mailcordon.unpack.decoding.leftover import has_leftover
from mailcordon.unpack.decoding.overlay import may_have_overlay
from mailcordon.unpack.decoding.program import Program, find_program, scratch_directory
from mailcordon.unpack.decoding.sink import Sink

PROGRAMS = ("7zz", "7z", "7za")
_PASSWORD = "-pno-password"  # noqa: S105 - a wrong one, so that it never asks
_NOT_ARCHIVES = frozenset({"PE", "ELF", "MachO", "Mub", "COFF", "TE", "Hash", "Base64", "IHex"})
"""Types of 7-Zip that take programs apart into sections, or texts for archives."""
_WORTH_KEEPING = frozenset({"Compound", "Chm", "Hxs", "SWF", "SWFc", "Nsis"})
_ENCRYPTED_COMPLAINT = "encrypted archive"
_MAX_LINE = 8192
_WARNINGS = 1
"""Exit status when something was strange, such as octets behind the end."""


@dataclass(slots=True)
class _Listing:
    """What 7-Zip says of an archive."""

    layer: list[str]
    """Argument by which 7-Zip looks at nothing inside; empty where it may."""
    types: list[str] = field(default_factory=list)
    """Of the archive, then of what it looks into by itself where that is an archive again."""
    encrypted: set[str] = field(default_factory=set)
    """Names of members that need a password."""
    start: int = 0
    """Offset in the file at which 7-Zip has found an archive."""
    size: int = 0
    """Octets of it; 0 where 7-Zip does not say."""
    closed: bool = False
    """Not even the names can be read without a password."""

    def note(self, key: str, value: str) -> None:
        """What 7-Zip says of the archive itself."""
        if key == "Offset" and value.isdecimal():
            self.start = int(value)
        elif key == "Physical Size" and value.isdecimal():
            self.size = int(value)

    @property
    def opens_nothing(self) -> bool:
        """Whether there is nothing in it, or what is in it are sections of a program."""
        return not self.closed and (not self.types or self.types[-1] in _NOT_ARCHIVES)


@dataclass(frozen=True, slots=True)
class SevenZipDecoder:
    """Lists an archive with 7-Zip, then lets it extract everything into a directory of its own."""

    short_types: frozenset[str]
    attached: bool = False
    """For archives behind a program: what is none is not applicable instead of broken."""
    programs: tuple[str, ...] = PROGRAMS
    name: str = "7-Zip"

    def find(self) -> str | None:
        """See Decoder."""
        return find_program(self.programs)

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        program = self.find()
        if program is None or (self.attached and not may_have_overlay(file)):
            return Decoded.NOT_APPLICABLE
        with scratch_directory(sink.directory) as scratch:
            listing = self._list(program, file, scratch, sink)
            if len(listing.types) > 1 and listing.types[0] not in _NOT_ARCHIVES:
                # One layer at a time: of the others it would pass over all but one member.
                listing = self._list(program, file, scratch, sink, layer=listing.types[0])
            if listing.opens_nothing:
                return Decoded.NOT_APPLICABLE
            if listing.closed:
                sink.note("", attributes=ENCRYPTED)
                return Decoded.DONE
            # -aou: of two with the same name, the second gets another one; -bd and -bs: it says nothing but errors.
            arguments = [program, "x", "-y", "-aou", "-bd", "-bso0", "-bsp0", "-mmt=1", _PASSWORD, f"-o{scratch}"]
            arguments += [*listing.layer, "--", str(file)]
            status, complaint = extract(arguments, scratch, sink, listing.encrypted)
        if status < 0 or (status > _WARNINGS and not (listing.encrypted and _only_of_passwords(complaint))):
            raise CannotDecodeError(_shortened(complaint, file, scratch) or f"7-Zip failed with status {status}")
        if not self.attached:
            _check_completeness(listing, file, sink)
        keep = self.attached or status == _WARNINGS or not _WORTH_KEEPING.isdisjoint(listing.types)
        return Decoded.KEEP if keep else Decoded.DONE

    def _list(self, program: str, file: Path, scratch: Path, sink: Sink, *, layer: str = "") -> _Listing:
        listing = _Listing([f"-t{layer}"] if layer else [])
        arguments = [program, "l", "-slt", "-sccUTF-8", _PASSWORD, *listing.layer, "--", str(file)]
        with Program(arguments, scratch, sink.budget) as running:
            whole = _read_listing(_lines(running.output()), listing, sink.budget.files_left)
            if whole and running.status > 1:
                listing.closed = _ENCRYPTED_COMPLAINT in running.complaint
                if not listing.types and not listing.closed and not self.attached:
                    raise CannotDecodeError(_shortened(running.complaint, file, scratch) or "7-Zip cannot open it")
        return listing


def _read_listing(lines: Iterable[str], listing: _Listing, most: int) -> bool:
    """False when there are more than `most` members: nobody wants to know, extracting them will reach the limit."""
    in_members = False
    members = 0
    path = ""
    for line in lines:
        key, separator, value = line.partition(" = ")
        if not in_members:
            in_members = line.startswith("----------")
            if separator and key == "Type":
                listing.types.append(value)
            elif separator and len(listing.types) == 1:
                listing.note(key, value)
        elif separator and key == "Path":
            path = value
            members += 1
            if members > most:
                return False
        elif separator and key == "Encrypted" and value == "+":
            listing.encrypted.add(path)
    return True


def _only_of_passwords(complaint: str) -> bool:
    """Whether it is about nothing but members that need one."""
    return complaint.count("ERROR") <= complaint.count("assword")


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        rest = rest[:_MAX_LINE]
        for line in complete:
            yield line.decode("utf-8", "replace")
    yield rest.decode("utf-8", "replace")


def _check_completeness(listing: _Listing, file: Path, sink: Sink) -> None:
    """7-Zip looks for archives anywhere. Raises CannotDecodeError where it takes a piece of the file for the whole."""
    if not sink.members:
        raise CannotDecodeError("7-Zip finds nothing in what it takes for an archive")
    if listing.start:
        raise CannotDecodeError("7-Zip does not find its beginning")
    if listing.size and has_leftover(file, listing.size):
        raise CannotDecodeError("7-Zip does not open what is behind its end")


def _shortened(complaint: str, file: Path, scratch: Path) -> str:
    """Without paths of ours, which say nothing to anybody."""
    for own in (str(file), str(scratch), file.name):
        complaint = complaint.replace(own, "")
    return complaint.strip(" :")[:200]
