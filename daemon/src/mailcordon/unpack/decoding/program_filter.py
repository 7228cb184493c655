"""Files compressed by programs that no library knows: the program itself unpacks them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from mailcordon.errors import CannotDecodeError
from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.names import without_suffix
from mailcordon.unpack.decoding.program import Program, find_program, scratch_directory
from mailcordon.unpack.decoding.sink import Sink


@dataclass(frozen=True, slots=True)
class _OneProgram(ABC):
    """A decoder that is one program."""

    short_types: frozenset[str]
    arguments: tuple[str, ...]
    """Its name first."""

    @property
    def name(self) -> str:
        """See Decoder."""
        return self.arguments[0]

    def find(self) -> str | None:
        """See Decoder."""
        return find_program(self.arguments[:1])

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        program = self.find()
        if program is None:
            return Decoded.NOT_APPLICABLE
        with scratch_directory(sink.directory) as scratch:
            self._unpack([program, *self.arguments[1:]], file, without_suffix(name), scratch, sink)
        return Decoded.DONE

    @abstractmethod
    def _unpack(self, command: list[str], file: Path, member: str, scratch: Path, sink: Sink) -> None:
        """Put what the program makes of `file` into `sink` as `member`."""


class ProgramFilter(_OneProgram):
    """A program that reads from standard input and writes the unpacked file to standard output."""

    __slots__ = ()

    def _unpack(self, command: list[str], file: Path, member: str, scratch: Path, sink: Sink) -> None:
        with Program(command, scratch, sink.budget, source=file) as running:
            sink.add(member, running.output(watched=scratch))
            if running.status != 0:
                sink.mark_broken()
                raise CannotDecodeError(f"{self.name} failed with status {running.status}")


class ProgramToFile(_OneProgram):
    """A program that is best at reading one file and writing another; the latter, then the former end its arguments."""

    __slots__ = ()

    def _unpack(self, command: list[str], file: Path, member: str, scratch: Path, sink: Sink) -> None:
        target = scratch / "out"
        with Program([*command, str(target), str(file)], scratch, sink.budget) as running:
            status = running.run(scratch)
        if target.is_file():
            sink.adopt(member, target)
        if status != 0:
            raise CannotDecodeError(f"{self.name} failed with status {status}")
