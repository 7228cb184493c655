"""What must hold of attachments that go through a real decoder process and the programs that it starts (B13.03, B13.04,
B13.06, features 7.10, 18.01)."""

import base64
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from mailcordon.config.load import fragments, merge, packaged_directory
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Major
from mailcordon.mail.envelope import Envelope, Recipient, Session
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.ids import new_mail_id
from mailcordon.mail.message import Mail
from mailcordon.mail.part import DIRECTORY, Part
from mailcordon.receive.spool import MemoryContent
from mailcordon.unpack import split
from mailcordon.unpack.decoder_process import OVERTIME
from mailcordon.unpack.pool import DECODERS
from mailcordon.unpack.quota import quota_for
from mailcordon.unpack.unpacker import Unpacked, Unpacker

LIMITS = {"MAXLEVELS": 6, "MAXFILES": 60, "MIN_EXPANSION_QUOTA": 1 << 20, "MAX_EXPANSION_FACTOR": 5}
CHILD_TIMEOUT = 200
SECONDS = 0.15 * CHILD_TIMEOUT
"""For one attachment."""
_PATIENCE = 30.0
"""Seconds in which what was killed has ended."""
_LONGEST_TEXT = 1000
_DEFECT = re.compile(r"decoder (?!process ended by SIG)|its type cannot be told")
"""Findings that come from an exception that nobody expected. Libraries may crash, what is told then is what must be."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attachment."""

    attachment: Part
    """Its files are gone, see `scanned`."""
    findings: tuple[str, ...]
    """Their texts; none: nothing speaks against the mail so far."""
    scanned: Mapping[str, str]
    """Digests of what virus scanners get of it, by the locations of the parts."""
    seconds: float

    @property
    def members(self) -> tuple[Part, ...]:
        """All that came out of it."""
        return tuple(part for part in self.attachment.walk() if part.is_member)

    def hides(self, whole: "Outcome") -> bool:
        """Whether something that came out of `whole`, before it was damaged, is gone without a word.

        As long as a container goes to the virus scanners itself, or there is a finding, nothing is hidden.
        """
        return not self.findings and self._hides(self.attachment, whole.attachment)

    def _hides(self, part: Part, whole: Part) -> bool:
        if part.location in self.scanned or not part.size:
            return False
        members, before = _without_directories(part), _without_directories(whole)
        return len(members) < len(before) or any(map(self._hides, members, before))


class Prober:
    """Sends attachments through one decoder process after the other; an asynchronous context manager."""

    def __init__(self, decoders: str = DECODERS) -> None:
        """`decoders`: `module:function` that lists them."""
        self._base = tempfile.TemporaryDirectory(prefix="mailcordon-fuzz-")
        self._directory = Path(self._base.name)
        self._settings = _settings(self._directory)
        self._settings.TEMPBASE.mkdir(parents=True)
        (self._directory / "untouched").write_text("as it was")
        self._unpacker = Unpacker(self._settings, decoders=decoders)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._unpacker.close()
        self._base.cleanup()

    async def check(self, octets: bytes, name: str) -> Outcome:
        """Open an attachment. AssertionError when anything is not as it must be, whatever the attachment."""
        before = _below(self._directory)
        mail = _mail(octets, name)
        root = split(mail.content.view()).root
        attachment = root.children[1] if root.children else root
        started = time.monotonic()
        unpacked = await self._unpacker.unpack(mail, root, self._settings)
        seconds = time.monotonic() - started
        try:
            self._check_findings(unpacked)
            self._check_members(attachment, unpacked, quota_for(mail.size, self._settings).octets)
            findings = tuple(finding.name for finding in unpacked.findings)
            scanned = {part.location: _digest(part.file) for part in attachment.walk() if part.file}
        finally:
            await unpacked.close()
            mail.content.close()
        assert seconds < SECONDS + OVERTIME + _PATIENCE
        assert _below(self._directory) == before, "something was left behind, or lies where it must not"
        self._check_processes()
        return Outcome(attachment, findings, scanned, seconds)

    def _check_findings(self, unpacked: Unpacked) -> None:
        for finding in unpacked.findings:
            assert finding.category.major is Major.UNCHECKED
            assert finding.part is not None
            assert finding.name, "a finding without a reason"
            assert finding.name.isprintable()
            assert len(finding.name) < _LONGEST_TEXT
            assert str(self._directory) not in finding.name
            assert not _DEFECT.match(finding.name), finding.name

    def _check_members(self, attachment: Part, unpacked: Unpacked, octets: int) -> None:
        parts = list(attachment.walk())
        members = parts[1:]
        assert len(members) <= LIMITS["MAXFILES"]
        assert sum(part.size or 0 for part in members if part.file) <= octets
        for part in parts:
            assert part.location.count(".") <= LIMITS["MAXLEVELS"] + 1
            if part.file is None:
                continue
            assert unpacked.directory is not None
            assert unpacked.directory.holds(part.file)
            assert part.file.stat().st_nlink == 1
            assert part.file.stat().st_size == part.size

    def _check_processes(self) -> None:
        """One decoder process waits for the next attachment, and nothing that it has started is there any more."""
        idle = self._unpacker._pool._idle  # noqa: SLF001 - nobody else needs to know
        assert len(idle) == 1
        assert idle[0].is_alive
        deadline = time.monotonic() + _PATIENCE
        while left := [process for process in _of_session(idle[0].pid) if process != idle[0].pid]:
            assert time.monotonic() < deadline, f"still there: {left}"
            time.sleep(0.01)


def _settings(directory: Path) -> Settings:
    values, _ = merge(fragments(packaged_directory(), []), [], [])
    own = {"myhostname": "gate.example.test", "MYHOME": str(directory), "TEMPBASE": str(directory / "a" / "b" / "tmp")}
    return Settings.model_validate({**values, **own, **LIMITS, "child_timeout": CHILD_TIMEOUT})


def _mail(octets: bytes, name: str) -> Mail:
    """A message with this attachment."""
    head = (
        b'From: a@sender.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=b"\r\n\r\n'
        b'--=b\r\n\r\nSee there.\r\n--=b\r\nContent-Type: application/octet-stream; name="%b"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" % name.encode()
    )
    whole = head + base64.encodebytes(octets).replace(b"\n", b"\r\n") + b"\r\n--=b--\r\n"
    return Mail(
        log_id="04711-01",
        mail_id=new_mail_id(),
        received_at=datetime.now().astimezone(),
        session=Session(),
        envelope=Envelope(sender="a@sender.example", recipients=(Recipient("b@example.test"),)),
        header=HeaderSection.of(whole),
        content=MemoryContent(whole),
    )


def _without_directories(part: Part) -> list[Part]:
    """Its members; not all decoders list directories."""
    return [child for child in part.children if DIRECTORY not in child.attributes]


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _below(directory: Path) -> list[str]:
    return sorted(str(path) for path in directory.rglob("*"))


def _of_session(session: int) -> Iterator[int]:
    """Processes of that session, which nobody in it can leave; without those that have ended."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal():
            continue
        try:
            fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            yield int(entry.name)
