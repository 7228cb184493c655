"""Archives of formats that only The Unarchiver knows, and those that the others fail at (B13.01)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mailcordon.errors import CannotDecodeError
from mailcordon.mail.part import ENCRYPTED
from mailcordon.unpack.decoding.decoder import Decoded
from mailcordon.unpack.decoding.extraction import extract
from mailcordon.unpack.decoding.program import Program, find_program, scratch_directory
from mailcordon.unpack.decoding.sink import Sink
from mailcordon.unpack.job import ProblemKind

_MAX_LISTING = 16 * 1024 * 1024
_PASSWORD_COMPLAINT = "requires a password"  # noqa: S105 - what it says


@dataclass(frozen=True, slots=True)
class UnarDecoder:
    """Lists an archive with lsar, then lets unar extract everything into a directory of its own."""

    short_types: frozenset[str]
    passes_over: bool = False
    """Headers of this kind that it does not understand it leaves out without a word."""
    name: str = "unar"

    def find(self) -> str | None:
        """See Decoder."""
        return find_program(("unar",)) if find_program(("lsar",)) else None

    def decode(self, file: Path, name: str, sink: Sink) -> Decoded:
        """See Decoder."""
        unar, lsar = find_program(("unar",)), find_program(("lsar",))
        if unar is None or lsar is None:
            return Decoded.NOT_APPLICABLE
        with scratch_directory(sink.directory) as scratch:
            encrypted = _encrypted_members(lsar, file, scratch, sink)
            if encrypted is None:
                sink.note("", attributes=ENCRYPTED)
                return Decoded.DONE
            # -r: of two with the same name, the second gets another one; -nr: archives inside are our business.
            arguments = [unar, "-q", "-D", "-r", "-nr", "-k", "skip", "-o", str(scratch)]
            if encrypted:  # without, it stops at the first of them; but it would use one on plain arc files, too
                arguments += ["-p", "no-password"]
            status, _ = extract([*arguments, str(file)], scratch, sink, encrypted)
        if status and not encrypted:
            raise CannotDecodeError("unar cannot open all of it")
        if not sink.members:
            raise CannotDecodeError("unar finds nothing in it")
        if self.passes_over:
            sink.problem(ProblemKind.UNREADABLE, "unar alone opens it, perhaps not all of it")
            return Decoded.KEEP
        return Decoded.DONE


def _encrypted_members(lsar: str, file: Path, scratch: Path, sink: Sink) -> frozenset[str] | None:
    """Names of those that need a password; None when even the list needs one. Raises CannotDecodeError."""
    text = b""
    with Program([lsar, "-j", "-nr", str(file)], scratch, sink.budget) as running:
        for chunk in running.output():
            text += chunk
            if len(text) > _MAX_LISTING:
                raise CannotDecodeError("its list of members is too long")
        if _PASSWORD_COMPLAINT in running.complaint:
            return None
    try:
        contents = json.loads(text)["lsarContents"]
        return frozenset(str(member["XADFileName"]) for member in contents if _is_encrypted(member))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise CannotDecodeError("unar does not know what it is") from error


def _is_encrypted(member: Mapping[str, object]) -> bool:
    return bool(member.get("XADIsEncrypted"))
