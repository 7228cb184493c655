"""What must hold of the work of a decoder process, whatever the attachment (B13.03, B13.06, features 7.10)."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from mailcordon.unpack.decoding.decoder import Decoder
from mailcordon.unpack.decoding.file_types import FileTypes
from mailcordon.unpack.decoding.registry import all_decoders
from mailcordon.unpack.decoding.run import Tools, work
from mailcordon.unpack.decoding.wire import record_of_line, record_to_line
from mailcordon.unpack.job import Job, Member, PartFile, Quota, Record

QUOTA = Quota(levels=6, files=40, octets=1 << 20, seconds=5)
MEMORY = 1 << 30
_NAMES = ("", "a.zip", "a.js", "a.doc", "a.tar.gz", "a.eml", "winmail.dat", "a.exe")
_TYPES = ("application/octet-stream", "message/rfc822", "text/plain", "application/pkcs7-mime")


class Prober:
    """Opens attachments in this process, with the decoders that need no other one: those are what can be fuzzed."""

    def __init__(self) -> None:
        self._tools = Tools.of(_of_this_process(all_decoders()), FileTypes())
        self._base = tempfile.TemporaryDirectory(prefix="mailcordon-fuzz-")

    def close(self) -> None:
        """Remove its directory."""
        self._base.cleanup()

    def check(self, octets: bytes, kind: int = 0) -> list[Record]:
        """Open a part with these octets; `kind` settles its name and type. AssertionError when a limit was passed over,
        a file is somewhere else, or what is told could not be passed on.
        """
        with tempfile.TemporaryDirectory(dir=self._base.name) as name:
            directory = Path(name)
            file = directory / "p000"
            file.write_bytes(octets)
            names = tuple(filter(None, (_NAMES[kind % len(_NAMES)],)))
            part = PartFile("1.1", file, names, _TYPES[kind // len(_NAMES) % len(_TYPES)])
            records: list[Record] = []
            work(Job(directory, (part,), QUOTA, MEMORY), self._tools, records.append)
            _check(records, directory)
        return records


def _of_this_process(decoders: Sequence[Decoder]) -> list[Decoder]:
    """Those that are a library or built in, not a program."""
    return [decoder for decoder in decoders if not (decoder.find() or "/").startswith("/")]


def _check(records: Sequence[Record], directory: Path) -> None:
    members = [record for record in records if isinstance(record, Member)]
    assert len(members) <= QUOTA.files
    assert sum(member.size for member in members if member.file) <= QUOTA.octets
    for member in members:
        assert member.location.count(".") <= QUOTA.levels + 1
        if member.file is not None:
            assert member.file.parent == directory
            assert member.file.is_file()
            assert not member.file.is_symlink()
    for record in records:
        assert record_of_line(record_to_line(record).rstrip(b"\n"), directory)
