"""Archives by 7-Zip, for what libarchive lacks (B13.01)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mailcordon.errors import CannotDecodeError
from mailcordon.mail.part import ENCRYPTED
from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.extraction import extract
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


@dataclass(slots=True)
class _Listing:
    """What 7-Zip says of an archive."""

    type: str = ""
    """The innermost, where it looks through several layers."""
    encrypted: set[str] = field(default_factory=set)
    """Names of members that need a password."""
    closed: bool = False
    """Not even the names can be read without a password."""


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
            if listing is None or listing.type in _NOT_ARCHIVES:
                return Decoded.NOT_APPLICABLE
            if listing.closed:
                sink.note("", attributes=ENCRYPTED)
                return Decoded.DONE
            # -aou: of two with the same name, the second gets another one; -bd and -bs: it says nothing but errors.
            arguments = [program, "x", "-y", "-aou", "-bd", "-bso0", "-bsp0", "-mmt=1", _PASSWORD, f"-o{scratch}"]
            status, complaint = extract([*arguments, "--", str(file)], scratch, sink, listing.encrypted)
        if (status > 1 and not listing.encrypted) or status < 0:
            raise CannotDecodeError(_shortened(complaint, file) or f"7-Zip failed with status {status}")
        return Decoded.KEEP if self.attached or listing.type in _WORTH_KEEPING else Decoded.DONE

    def _list(self, program: str, file: Path, scratch: Path, sink: Sink) -> _Listing | None:
        arguments = [program, "l", "-slt", "-sccUTF-8", _PASSWORD, "--", str(file)]
        with Program(arguments, scratch, sink.budget) as running:
            listing = _read_listing(_lines(running.output()), sink.budget.files_left)
            if listing is None:
                return _Listing()  # longer than anybody will want it; extracting it will reach the limit
            if running.status > 1:
                if _ENCRYPTED_COMPLAINT in running.complaint:
                    return _Listing(closed=True)
                if not listing.type:
                    if self.attached:
                        return None
                    raise CannotDecodeError(_shortened(running.complaint, file) or "7-Zip cannot open it")
        return listing


def _read_listing(lines: Iterable[str], most: int) -> _Listing | None:
    """None when there are more than `most` members."""
    listing = _Listing()
    in_members = False
    members = 0
    path = ""
    for line in lines:
        key, separator, value = line.partition(" = ")
        if not in_members:
            in_members = line.startswith("----------")
            if separator and key == "Type":
                listing.type = value
        elif separator and key == "Path":
            path = value
            members += 1
            if members > most:
                return None
        elif separator and key == "Encrypted" and value == "+":
            listing.encrypted.add(path)
    return listing


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        rest = rest[:_MAX_LINE]
        for line in complete:
            yield line.decode("utf-8", "replace")
    yield rest.decode("utf-8", "replace")


def _only_of_passwords(complaint: str) -> bool:
    """Whether it is about nothing but members that need one."""
    return complaint.count("ERROR") <= complaint.count("assword")


def _shortened(complaint: str, file: Path) -> str:
    """Without the path of the file, which says nothing to anybody."""
    return complaint.replace(str(file), "").replace(file.name, "").strip(" :")[:200]
