"""What the virus check said of bodies that were seen before (B14.07).

The key is what the parts of a message follow from: its body, and the fields that say how to read it. Other fields
differ from one copy of a mailing to the next, and are not looked at again. Nothing is kept for longer than an hour: new
signatures must come into their own.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from mailcordon.check.virus_names import is_virus
from mailcordon.mail.finding import Finding
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.message import Mail

MAX_ENTRIES = 2000
"""In each worker; an entry takes about 300 octets."""
_MAX_HEADER = 64 * 1024
_MAX_FINDINGS = 10
_DIGEST_IN_THREAD_FROM = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Entry:
    findings: tuple[Finding, ...]
    good_until: float


class VerdictCache:
    """The verdicts of one worker. Failures are never kept."""

    def __init__(self, negative_ttl: int, positive_ttl: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Seconds for which clean and infected bodies are remembered; 0: they are not."""
        self._negative_ttl = negative_ttl
        self._positive_ttl = positive_ttl
        self._clock = clock
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self.hits = 0
        self.infected_hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._entries)

    async def key(self, mail: Mail, parts: int) -> bytes | None:
        """Key of a message of which so many parts are scanned; None for one that is not to be remembered."""
        if mail.header.body_start > _MAX_HEADER or not _is_plain(mail.header):
            return None
        if mail.size < _DIGEST_IN_THREAD_FROM:
            return _digest(mail, parts)
        return await asyncio.to_thread(_digest, mail, parts)

    def find(self, key: bytes | None) -> tuple[Finding, ...] | None:
        """What was found; None where it is not known, or not any more."""
        entry = self._entries.get(key) if key is not None else None
        if entry is None or self._clock() >= entry.good_until:
            self.misses += 1
            return None
        self.hits += 1
        self.infected_hits += any(map(is_virus, entry.findings))
        return entry.findings

    def counters(self) -> dict[str, float]:
        """What it has counted, by the names of B17.05; the verdicts of virus scanners are all that is remembered."""
        return {
            "CacheAttempts": self.hits + self.misses,
            "CacheMisses": self.misses,
            "CacheHits": self.hits,
            "CacheHitsVirusCheck": self.hits,
            "CacheHitsVirusMsgs": self.infected_hits,
        }

    def keep(self, key: bytes | None, findings: tuple[Finding, ...]) -> None:
        """Remember a verdict of the primary scanners, without the parts it is about: those are another message's."""
        ttl = self._positive_ttl if any(map(is_virus, findings)) else self._negative_ttl
        if key is None or not ttl or len(findings) > _MAX_FINDINGS:
            return
        kept = tuple(replace(finding, part=None) for finding in findings)
        self._entries[key] = _Entry(kept, self._clock() + ttl)
        self._entries.move_to_end(key)
        if len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)


def _is_plain(header: HeaderSection) -> bool:
    """Whether it consists of fields only, so that no reader finds one in it that the key does not know."""
    return not any(b"\n" in field.body or b"\r" in field.body for field in header.fields)


def _digest(mail: Mail, parts: int) -> bytes:
    digest = hashlib.sha256(b"%d\0" % parts)
    for name, field in zip(mail.header.names, mail.header.fields, strict=True):
        if name.startswith("content-") or name == "mime-version":
            digest.update(b"%d %s\0%d " % (len(name), name.encode("latin-1", "replace"), len(field.body)))
            digest.update(field.body)
    digest.update(b"\0")
    with mail.content.view() as view, view[mail.header.body_start :] as body:
        digest.update(body)
    return digest.digest()
