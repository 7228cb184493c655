"""Messages in files, whose parts are members (B13.01 `mail`): attached ones in base64, in archives, saved web pages."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailcordon.mail.category import UNCHECKED_AMBIGUOUS, UNCHECKED_ENCRYPTED, UNCHECKED_OVER_LIMITS
from mailcordon.mail.part import Part
from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.sink import Sink
from mailcordon.unpack.job import ProblemKind
from mailcordon.unpack.mime import split
from mailcordon.unpack.structure import Limits
from mailcordon.unpack.transfer import decoded

_KINDS = {
    UNCHECKED_ENCRYPTED: ProblemKind.ENCRYPTED,
    UNCHECKED_OVER_LIMITS: ProblemKind.OVER_LIMITS,
    UNCHECKED_AMBIGUOUS: ProblemKind.AMBIGUOUS,
}
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class MailDecoder:
    """Takes a message apart, by the splitter that takes apart the one it came in."""

    short_types: frozenset[str] = frozenset({"mail"})
    name: str = "mail"

    def find(self) -> str | None:
        """See Decoder."""
        return "built in"

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder. Names and octets of all parts come out, however deep they are nested: one level of members."""
        with open(file, "rb") as stream:
            if not file.stat().st_size:
                return Decoded.NOT_APPLICABLE
            self._take(memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)), sink)
        return Decoded.KEEP

    def _take(self, octets: memoryview, sink: Sink) -> None:
        quota = sink.budget.quota
        structure = split(octets, Limits(levels=quota.levels, parts=sink.budget.files_left + 1))
        for finding in structure.findings:
            sink.problem(_KINDS.get(finding.category.minor, ProblemKind.UNREADABLE), finding.name)
        for part in structure.root.walk():
            if not part.children:
                self._add(octets, part, sink)

    def _add(self, octets: memoryview, part: Part, sink: Sink) -> None:
        first, *others = part.names or ("",)
        sink.add(
            first,
            _pieces(decoded(octets, part)),
            content_type=part.content_type,
            attributes=part.attributes,
        )
        for other in others:
            # Mail programs differ in which name they show, so none may be lost on rules about names.
            sink.note(other)


def _pieces(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    return (bytes(view[at : at + _CHUNK]) for at in range(0, len(data), _CHUNK))
