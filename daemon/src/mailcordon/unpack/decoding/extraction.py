"""What programs have extracted into a directory: taken over as members, whatever it is."""

import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailcordon.errors import LimitReachedError
from mailcordon.mail.part import DIRECTORY, ENCRYPTED, LINK, SPECIAL
from mailcordon.unpack.decoding.program import Program, walk_opened
from mailcordon.unpack.decoding.sink import Sink


@dataclass(frozen=True, slots=True)
class _Extracted:
    name: str
    """Path in the archive."""
    path: Path
    mode: int
    size: int


def extract(arguments: Sequence[str], scratch: Path, sink: Sink, encrypted: Collection[str] = ()) -> tuple[int, str]:
    """Run a program that extracts into `scratch`; exit status and complaint of the program.

    What is there then goes into `sink`, those named in `encrypted` without their octets. Raises LimitReachedError,
    after what fits has been taken over.
    """
    with Program(arguments, scratch, sink.budget) as program:
        try:
            status = program.run(scratch)
        except LimitReachedError:
            program.stop()
            # Small ones first: of a bomb with something beside it, that comes out.
            _take_over(sorted(_extracted(scratch), key=lambda one: one.size), sink, encrypted)
            raise
        _take_over(_extracted(scratch), sink, encrypted)
        return status, program.complaint


def _extracted(scratch: Path) -> list[_Extracted]:
    found = []
    for entry in walk_opened(scratch):
        state = entry.stat(follow_symlinks=False)
        name = os.fsencode(os.path.relpath(entry.path, scratch)).decode("utf-8", "replace")
        found.append(_Extracted(name, Path(entry.path), state.st_mode, state.st_size))
    return found


def _take_over(found: list[_Extracted], sink: Sink, encrypted: Collection[str]) -> None:
    for one in found:
        if one.name in encrypted:
            sink.note(one.name, attributes=ENCRYPTED)
        elif stat.S_ISREG(one.mode):
            sink.adopt(one.name, one.path)
        elif stat.S_ISDIR(one.mode):
            sink.note(one.name, attributes=DIRECTORY)
        else:
            sink.note(one.name, attributes=LINK if stat.S_ISLNK(one.mode) else SPECIAL)
