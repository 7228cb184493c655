"""Files compressed by programs that no library knows: the program itself unpacks them."""

from dataclasses import dataclass
from pathlib import Path

from mailcordon.errors import CannotDecodeError
from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.names import without_suffix
from mailcordon.unpack.decoding.program import Program, find_program, scratch_directory
from mailcordon.unpack.decoding.sink import Sink


@dataclass(frozen=True, slots=True)
class ProgramFilter:
    """A program that writes the unpacked file to standard output."""

    short_types: frozenset[str]
    arguments: tuple[str, ...]
    """Its name first; it reads from standard input."""

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
        with (
            scratch_directory(sink.directory) as scratch,
            Program([program, *self.arguments[1:]], scratch, sink.budget, source=file) as running,
        ):
            sink.add(without_suffix(name), running.output(watched=scratch))
            if running.status != 0:
                sink.mark_broken()
                raise CannotDecodeError(f"{self.name} failed with status {running.status}")
        return Decoded.DONE


@dataclass(frozen=True, slots=True)
class ProgramToFile:
    """A program that is best at reading one file and writing another."""

    short_types: frozenset[str]
    arguments: tuple[str, ...]
    """Its name first; the file to write and the one to read come behind the last one."""

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
            target = scratch / "out"
            with Program([program, *self.arguments[1:], str(target), str(file)], scratch, sink.budget) as running:
                status = running.run(scratch)
            if target.is_file():
                sink.adopt(without_suffix(name), target)
        if status != 0:
            raise CannotDecodeError(f"{self.name} failed with status {status}")
        return Decoded.DONE
