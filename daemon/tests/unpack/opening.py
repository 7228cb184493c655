"""Gives files to the decoders, as a decoder process does, but in this process."""

from dataclasses import dataclass, field
from pathlib import Path

from mailcordon.errors import CannotDecodeError
from mailcordon.unpack.decoding.decoder import Decoded, Decoder
from mailcordon.unpack.decoding.file_types import FileTypes
from mailcordon.unpack.decoding.registry import all_decoders
from mailcordon.unpack.decoding.sink import Budget, Sink
from mailcordon.unpack.job import Member, ProblemKind, Quota

QUOTA = Quota(levels=14, files=1500, octets=64 * 1024 * 1024, seconds=120)


@dataclass
class Found:
    """What came out of a file, at any depth."""

    members: list[Member] = field(default_factory=list)
    problems: list[ProblemKind] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    """By name; empty ones left out."""
    types: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By name."""


class Opener:
    """Opens files all the way down."""

    def __init__(self, directory: Path, decoders: tuple[Decoder, ...] | None = None, quota: Quota = QUOTA) -> None:
        self._directory = directory
        self._decoders = decoders or tuple(all_decoders())
        self._quota = quota
        self.file_types = FileTypes()

    def open(self, file: Path, name: str = "") -> Found:
        """Everything inside `file`. LimitReachedError comes through."""
        found = Found()
        budget = Budget(self._quota, files=0)
        queue = [(file, name or file.name, "1")]
        while queue:
            path, called, location = queue.pop(0)
            types, _ = self.file_types.look(path, called, "")
            found.types[called] = types
            if location.count(".") > self._quota.levels:
                continue
            for member in self._open_one(path, called, location, types, budget, found):
                found.members.append(member)
                if member.file is not None:
                    if octets := member.file.read_bytes():
                        found.contents[member.name] = octets
                    queue.append((member.file, member.name, member.location))
        return found

    def _open_one(
        self, path: Path, name: str, location: str, types: tuple[str, ...], budget: Budget, found: Found
    ) -> list[Member]:
        members: list[Member] = []
        errors: list[str] = []
        for decoder in self._decoders:
            if decoder.short_types.isdisjoint(types) or decoder.find() is None:
                continue
            sink = Sink(location, self._directory, budget)
            try:
                result = decoder.decode(path, name, sink)
            except CannotDecodeError as error:
                errors.append(f"{decoder.name}: {error}")
                result = Decoded.NOT_APPLICABLE
            members += sink.members
            found.problems += [problem.kind for problem in sink.problems]
            if result is not Decoded.NOT_APPLICABLE:
                return members
        found.errors += errors
        return members
