"""Verdicts are remembered for bodies that mean the same, for a while, and in bounded memory (B14.07)."""

from collections.abc import Callable

import pytest

from mailcordon.check import verdict_cache
from mailcordon.check.verdict_cache import VerdictCache
from mailcordon.mail.category import Category, Major
from mailcordon.mail.finding import Finding
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part

MakeMail = Callable[..., Mail]
VIRUS = Finding(Category(Major.VIRUS), "Evil", "clamd", Part("1.2", 0, 0, 0))
UNCHECKED = Finding(Category(Major.UNCHECKED, 1), "Heuristics.Encrypted.Zip", "clamd")
BODY = b"\r\nR29vZCBtb3JuaW5nLg==\r\n"


class Clock:
    """Stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_time_to_live() -> None:
    clock = Clock()
    cache = VerdictCache(30, 60, clock=clock)
    cache.keep(b"clean", ())
    cache.keep(b"infected", (VIRUS,))
    cache.keep(b"unchecked", (UNCHECKED,))
    clock.now += 29
    found = cache.find(b"infected")
    assert found is not None
    assert [(finding.name, finding.part) for finding in found] == [("Evil", None)]
    assert (cache.find(b"clean"), cache.find(b"unchecked")) == ((), (UNCHECKED,))
    clock.now += 1
    assert (cache.find(b"clean"), cache.find(b"unchecked")) == (None, None)
    assert cache.find(b"infected") is not None
    clock.now += 30
    assert cache.find(b"infected") is None
    # B17.05
    assert cache.counters() == {
        "CacheAttempts": 7,
        "CacheMisses": 3,
        "CacheHits": 4,
        "CacheHitsVirusCheck": 4,
        "CacheHitsVirusMsgs": 2,
    }


def test_off() -> None:
    cache = VerdictCache(0, 60)
    cache.keep(b"clean", ())
    assert cache.find(b"clean") is None


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go; a verdict with very many names is not kept."""
    monkeypatch.setattr(verdict_cache, "MAX_ENTRIES", 10)
    cache = VerdictCache(60, 60)
    for number in range(25):
        cache.keep(b"%d" % number, ())
    assert len(cache) == 10
    assert (cache.find(b"14"), cache.find(b"15")) == (None, ())
    cache.keep(b"many", tuple(Finding(VIRUS.category, f"Evil-{number}", "clamd") for number in range(1000)))
    assert cache.find(b"many") is None


async def key(make_mail: MakeMail, header: bytes, body: bytes = BODY, parts: int = 0) -> bytes | None:
    return await VerdictCache(1, 1).key(make_mail(header + body), parts)


async def test_key_of_copies(make_mail: MakeMail) -> None:
    """Copies of one mailing differ in fields that have nothing to do with their parts."""
    one = await key(make_mail, b"To: bob@example.test\r\nContent-Type: text/plain\r\n")
    other = await key(make_mail, b"Received: x\r\n\ty\r\nTo: eve@example.test\r\nCONTENT-TYPE: text/plain\r\n")
    assert one == other is not None


@pytest.mark.parametrize(
    ("header", "body", "parts"),
    [
        (b"Content-Transfer-Encoding: base64\r\n", BODY, 0),
        (b"Content-Type: multipart/mixed; boundary=R29v\r\n", BODY, 0),
        (b"MIME-Version: 1.0\r\n", BODY, 0),
        (b"Content-Type: text/plain\r\nContent-Type: text/html\r\n", BODY, 0),
        (b"Content-Type: text/plain\r\n", BODY + b"x", 0),
        (b"Content-Type: text/plain\r\n", BODY, 1),
    ],
)
async def test_key_of_what_is_read_differently(make_mail: MakeMail, header: bytes, body: bytes, parts: int) -> None:
    """The same octets are clean as text and infected as what is encoded so."""
    assert await key(make_mail, header, body, parts) != await key(make_mail, b"Content-Type: text/plain\r\n")


@pytest.mark.parametrize(
    "header",
    [
        b"Subject: x\r\nContent-Type text/plain\r\n",
        b"Subject: x\r\n\x00Content-Type: multipart/mixed; boundary=x\r\n",
        b"Subject: x\rContent-Type: multipart/mixed\r\n",
        b"X: " + b"y" * 100_000 + b"\r\n",
    ],
)
async def test_odd_header_sections_are_not_remembered(make_mail: MakeMail, header: bytes) -> None:
    """A reader may find a field where we find none."""
    assert await key(make_mail, header) is None
    cache = VerdictCache(60, 60)
    cache.keep(None, ())
    assert len(cache) == 0
    assert cache.find(None) is None


async def test_large(make_mail: MakeMail) -> None:
    """Computed in a thread; the same."""
    large = b"\r\n" + b"x" * 300_000
    assert await key(make_mail, b"A: b\r\n", large) == await key(make_mail, b"C: d\r\n", large)
    assert await key(make_mail, b"A: b\r\n", large) != await key(make_mail, b"A: b\r\n", large + b"x")
