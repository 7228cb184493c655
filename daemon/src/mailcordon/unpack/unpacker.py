"""Unpacks messages for a mail worker: settles which parts need a decoder process, and takes back what comes from it."""

import asyncio
import logging
from collections.abc import Iterator, Sequence

from mailcordon.config.lookup_key import LookupKey
from mailcordon.config.policy import Policy
from mailcordon.config.settings import Settings
from mailcordon.errors import ProtocolError, UnpackError
from mailcordon.log_levels import NOTICE
from mailcordon.mail.finding import Finding
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.unpack.announcement import announce
from mailcordon.unpack.decoder_process import OVERTIME
from mailcordon.unpack.job import Job, Opened, PartFile, Problem, ProblemKind
from mailcordon.unpack.plain_look import plain_types
from mailcordon.unpack.pool import DECODERS, DecoderPool
from mailcordon.unpack.quota import quota_for
from mailcordon.unpack.transfer import decoded
from mailcordon.unpack.tree import add_opened, findings_of
from mailcordon.unpack.work_directory import WorkDirectory, remove_leftovers

log = logging.getLogger(__name__)

AT_ONCE = 16 * 1024
"""Octets of parts that are looked at on the event loop; the rest goes to a thread."""
PARTS_AT_ONCE = 10
_Unsettled = tuple[Part, bytes | None]
"""A part that the cheap look does not settle, with its body where that was decoded for it."""
TEXTS = "asc"
"""Type of plain texts, whose decoder is off as packaged (features 7.05)."""


class Unpacked:
    """What unpacking one message has brought, beside the tree, which has grown. Closed when its files are done with."""

    def __init__(self) -> None:
        self.findings: tuple[Finding, ...] = ()
        self.decoders: tuple[str, ...] = ()
        """Names of the decoders that opened something, one for each time (B17.05)."""
        self.directory: WorkDirectory | None = None
        self.parts: list[Part] = []
        """Those of the message that have files."""

    async def close(self) -> None:
        """Remove all files; the parts forget theirs."""
        if self.directory is None:
            return
        directory, self.directory = self.directory, None
        for top in self.parts:
            for part in top.walk():
                part.file = None
        await asyncio.to_thread(directory.remove)


class Unpacker:
    """One instance a worker, any number of messages at a time."""

    def __init__(self, settings: Settings, *, decoders: str = DECODERS) -> None:
        """`decoders`: `module:function` that lists them."""
        self._base = settings.TEMPBASE
        self._memory = settings.decoder_memory_limit
        self._switched_off = frozenset(name for name, wanted in settings.decoders.items() if not wanted)
        self._texts_may_hold_files = TEXTS not in self._switched_off
        self._has_rules_for_types = bool(settings.map_full_type_to_short_type_re)
        self._pool = DecoderPool(
            settings.TEMPBASE,
            size=settings.max_decoders,
            path=settings.path,
            decoders=decoders,
            types=settings.map_full_type_to_short_type_re,
        )

    @staticmethod
    def is_wanted(settings: Settings, policies: Sequence[Policy]) -> bool:
        """Whether anybody looks at what it brings: virus scanners, or the rules of banned names (features 7.08)."""
        return not settings.bypass_decode_parts and not all(
            policy.bypass_virus_checks and policy.bypass_banned_checks for policy in policies
        )

    async def unpack(self, mail: Mail, root: Part, settings: Settings) -> Unpacked:
        """Look at the parts of `mail` and open what can be opened, within the limits of `settings` (B13.03).

        Raises UnpackError when no decoder process can be had, SpoolError when there is no room for the files; anything
        that the message itself causes is a finding.
        """
        unpacked = Unpacked()
        octets = mail.content.view()
        rest = self._look_at_once(octets, root)
        if not rest:
            return unpacked
        try:
            waiting = await asyncio.to_thread(self._write, octets, rest, settings, unpacked)
            if unpacked.directory is not None:
                await self._open(mail, settings, unpacked.directory, waiting, unpacked)
        except BaseException:
            await unpacked.close()
            raise
        return unpacked

    async def discover(self) -> None:
        """Log which decoders there are and how their processes are confined (features 7.01), and remove what killed
        workers have left behind; never raises."""
        try:
            removed = await asyncio.to_thread(remove_leftovers, self._base)
        except OSError as error:
            log.warning("cannot look for old directories in %s: %s", self._base, error.strerror)
        else:
            if removed:
                log.log(NOTICE, "removed %d directories of unpacked mail whose processes are gone", removed)
        try:
            announce(await self._pool.ask(), self._switched_off)
        except UnpackError as error:
            log.warning("No decoders: %s", error)

    async def close(self) -> None:
        """End the decoder processes."""
        await self._pool.close()

    def _look_at_once(self, octets: memoryview, root: Part) -> list[_Unsettled]:
        """Settle the parts for which that takes no time worth speaking of; gives back the others."""
        rest: list[_Unsettled] = []
        left, count = AT_ONCE, PARTS_AT_ONCE
        for part in _leaves(root):
            size = part.end - part.body_start
            if size > left or not count:
                rest.append((part, None))
                continue
            left -= size
            count -= 1
            body = decoded(octets, part) if part.content_type.startswith("text/") else None
            if body is None or not self._settle(part, body):
                rest.append((part, body))
        return rest

    def _settle(self, part: Part, body: bytes) -> bool:
        """Whether the part is known well enough by a cheap look."""
        part.size = len(body)
        if self._has_rules_for_types:  # they go by what libmagic says, which is not asked here
            return False
        types = plain_types(body, part.content_type, part.names, may_hold_files=self._texts_may_hold_files)
        part.short_types = types or ()
        return types is not None

    def _write(
        self, octets: memoryview, rest: Sequence[_Unsettled], settings: Settings, unpacked: Unpacked
    ) -> list[Part]:
        """Write the decoded bodies of those parts of `rest` that need a decoder process to files; for a thread."""
        waiting: list[Part] = []
        for part, body in rest:
            if body is None:
                body = decoded(octets, part)
                if self._settle(part, body):
                    continue
            if len(waiting) >= settings.MAXFILES:
                text = f"Maximum number of files ({settings.MAXFILES}) exceeded"
                problem = Problem(ProblemKind.OVER_LIMITS, part.location, text)
                unpacked.findings += findings_of((problem,), {part.location: part})
                break
            if unpacked.directory is None:
                unpacked.directory = WorkDirectory(self._base)
            part.file = unpacked.directory.write(body)
            unpacked.parts.append(part)
            waiting.append(part)
        return waiting

    async def _open(
        self, mail: Mail, settings: Settings, directory: WorkDirectory, waiting: Sequence[Part], unpacked: Unpacked
    ) -> None:
        quota = quota_for(mail.size, settings)
        files = tuple(
            PartFile(part.location, part.file, part.names, part.content_type) for part in waiting if part.file
        )
        job = Job(directory.path, files, quota, self._memory, self._switched_off)
        # Longer than the message in front of it may take, so that of two bombs each has its own try.
        opened = await self._pool.do(job, patience=quota.seconds + OVERTIME)
        parts = {part.location: part for part in waiting}
        unpacked.decoders = tuple(found.decoder for found in opened.opened)
        try:
            unpacked.findings += await asyncio.to_thread(add_opened, parts, opened, directory.holds)
        except ProtocolError as error:
            problem = Problem(ProblemKind.UNREADABLE, waiting[0].location, str(error))
            unpacked.findings += findings_of((*opened.problems, problem), parts)
        _forget_emptied(waiting, opened, settings)
        for finding in unpacked.findings:
            log.info(
                "(%s) unpack: part %s: %s", mail.log_id, finding.part.location if finding.part else "?", finding.name
            )


def _leaves(root: Part) -> Iterator[Part]:
    return (part for part in root.walk() if not part.children)


def _forget_emptied(waiting: Sequence[Part], opened: Opened, settings: Settings) -> None:
    """Containers of which everything came out need no scan of their own, unless somebody wants it (B13.02)."""
    troubled = {problem.location for problem in opened.problems}
    emptied = {found.location for found in opened.opened if not found.keep} - troubled
    if not emptied:
        return
    for top in waiting:
        for part in top.walk():
            if part.location in emptied and not settings.keep_decoded_original.at(LookupKey(part.full_type)):
                part.file = None
