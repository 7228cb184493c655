"""Messages that want to hurt, through the daemon as it runs: each gets a definite verdict in bounded time and memory.

Issue 6 (hostile inputs), contracts B13.03 to B13.05, features 7.10 and 18.19, design rules 2 and 5.
"""

import base64
import gzip
import io
import random
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from bombs import BOMBS

import samples
from end_to_end.daemon import Daemon, NextHop, text_mail, wait_until
from packers import PACKERS
from servers import Clamd

MESSAGE_TIME = 60
"""child_timeout, seconds. Unpacking may take a part of it, see unpack/quota.py."""
DECODER_MEMORY = 256 * 1024 * 1024
"""decoder_memory_limit."""
ROOM = 128 * 1024
"""KB that the workers may grow altogether; the largest message here has 13 MB, and is decoded once."""
MAIL_ID = re.compile(r"\bid=(\d+-\d+)")
HEAD = (
    b"From: alice@sender.example\r\nTo: bob@example.test\r\nSubject: hostile\r\nMIME-Version: 1.0\r\n"
    b"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <hostile@sender.example>\r\n"
)


def nested_multiparts(levels: int) -> bytes:
    """One inside of the other."""
    heads = (
        f"Content-Type: multipart/mixed; boundary=b{number:04}\r\n\r\n--b{number:04}\r\n" for number in range(levels)
    )
    return HEAD + "".join(heads).encode() + b"\r\nHello\r\n"


def many_parts(count: int) -> bytes:
    """Empty ones."""
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n"


def many_attachments(count: int) -> bytes:
    """Each would go to a decoder process."""
    part = b"--b\r\nContent-Type: application/zip\r\n\r\nPK\3\4\r\n"
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * count + b"--b--\r\n"


MESSAGES: dict[str, tuple[Callable[[], bytes], str]] = {
    "2,000 levels": (lambda: nested_multiparts(2000), r"Maximum decoding depth \(100\) exceeded"),
    "2,000 messages in messages": (
        lambda: HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 2000 + b"\r\nx",
        r"Maximum decoding depth \(100\) exceeded",
    ),
    "100,000 parts": (lambda: many_parts(100_000), r"Maximum number of files \(1500\) exceeded"),
    "20,000 attachments": (lambda: many_attachments(20_000), r"Maximum number of files \(1500\) exceeded"),
    "1 MB in a header line": (
        lambda: HEAD + b"Content-Type: text/plain; name=" + b"x" * 1_000_000 + b"\r\n\r\nx\r\n",
        r"Maximum length of a header field exceeded",
    ),
    "1 MB in a folded header": (
        lambda: HEAD + b"Content-Type: text/plain; name=x" + b"\r\n y" * 250_000 + b"\r\n\r\nx\r\n",
        r"Maximum length of a header field exceeded",
    ),
    "20,000 pieces of a name": (
        lambda: (
            HEAD
            + b"Content-Type: text/plain"
            + b"".join(b";\r\n name*%d*=%%41" % number for number in range(20_000))
            + b"\r\n\r\nx\r\n"
        ),
        r"Maximum length of a header field exceeded",
    ),
    "100,000 parameters": (
        lambda: HEAD + b"Content-Type: text/plain" + b"; a=b" * 100_000 + b"\r\n\r\nx\r\n",
        r"Maximum length of a header field exceeded",
    ),
    "a boundary given twice": (
        lambda: HEAD + b"Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
        r"UNCHECKED",
    ),
}


@dataclass(frozen=True)
class Sent:
    """What became of a message."""

    reply: str
    verdict: str
    """From the main log entry, e.g. `Passed UNCHECKED`."""
    log: str
    seconds: float


class Memory:
    """The most that a process below the workers has ever had, seen twenty times a second."""

    def __init__(self, daemon: Daemon) -> None:
        self.peak = 0
        """KB."""
        self._daemon = daemon
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            for worker in self._daemon.workers():
                for pid in descendants(worker):
                    self.peak = max(self.peak, high_water(pid))


def descendants(pid: int) -> Iterator[int]:
    """Process ids of all children and theirs."""
    try:
        children = [int(child) for path in Path(f"/proc/{pid}/task").iterdir() for child in _read(path / "children")]
    except OSError:
        return
    for child in children:
        yield child
        yield from descendants(child)


def _read(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def high_water(pid: int) -> int:
    """KB of memory that a process had at most; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):
        return 0


@pytest.fixture(scope="module")
def next_hop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NextHop]:
    """Takes everything."""
    with NextHop(tmp_path_factory.mktemp("delivered")) as hop:
        yield hop


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, clamd: Clamd, next_hop: NextHop) -> Iterator[Daemon]:
    """One for all tests, which it survives, with its memory as it should be, and nothing left in its work directory."""
    running = Daemon(tmp_path_factory.mktemp("daemon"), clamd.path, next_hop)
    running.configure(
        "45-hostile",
        f"""
        log_level = 2
        child_timeout = {MESSAGE_TIME}
        decoder_memory_limit = {DECODER_MEMORY}
        """,
    )
    running.start()
    for number in range(10):
        assert running.send(text_mail(b"warm up", f"warm-{number}")).startswith("250 ")
    workers = running.workers()
    before = sum(map(high_water, workers))
    with Memory(running) as memory:
        yield running
    still_there = running.workers() == workers
    grown = sum(map(high_water, workers)) - before
    running.stop()
    assert still_there, "a worker died"
    assert grown < ROOM
    assert memory.peak < DECODER_MEMORY // 1024
    assert [path for path in (running.home / "tmp").rglob("*") if path.is_file()] == []


def deliver(daemon: Daemon, octets: bytes) -> Sent:
    """Send it and wait for the log to tell what became of it."""
    began = time.monotonic()
    reply = daemon.send(octets)
    took = time.monotonic() - began
    mail = MAIL_ID.search(reply)
    assert mail is not None, reply
    entry = re.compile(rf"\({mail.group(1)}\) ((?:Passed|Blocked) \S+)")
    wait_until(lambda: entry.search(daemon.log()) is not None, "the main log entry")
    log = "".join(line for line in daemon.log().splitlines(keepends=True) if f"({mail.group(1)})" in line)
    (verdict,) = entry.findall(log)
    return Sent(reply, verdict, log, took)


def assert_definite(sent: Sent) -> None:
    """Neither a tempfail, after which it would come again and again, nor late, nor clean by silence."""
    assert sent.reply[0] in "25", sent.reply
    assert sent.seconds < MESSAGE_TIME


@pytest.mark.parametrize("name", MESSAGES)
def test_structure(name: str, daemon: Daemon) -> None:
    """Features 7.10, B13.04, B13.05: beyond a limit, or not to be understood for certain: UNCHECKED, and said why."""
    make, reason = MESSAGES[name]
    sent = deliver(daemon, make())
    assert_definite(sent)
    assert sent.verdict.startswith("Passed UNCHECKED")
    assert re.search(reason, sent.log)


@pytest.mark.parametrize("name", BOMBS)
def test_bomb(name: str, daemon: Daemon) -> None:
    """Features 7.10, 18.19, B13.04: a limit ends it, the mail passes as unchecked."""
    sent = deliver(daemon, samples.with_attachment(BOMBS[name](), name))
    assert_definite(sent)
    # Some bombs are known to ClamAV by their build.
    assert sent.verdict.startswith(("Passed UNCHECKED", "Blocked INFECTED")), sent.log
    assert re.search(r"HOLD reason: (?:Exceeded|Maximum)", sent.log), sent.log


def test_quines_are_some() -> None:
    """What the daemon is to meet: archives that never come to an end."""
    packed = BOMBS["r.gz"]()
    assert gzip.decompress(packed) == packed
    packed = BOMBS["again.zip"]()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert [archive.read(name) for name in archive.namelist()] == [packed]


@pytest.mark.parametrize("name", ["42.zip", "zeros.gz.gz", "r.gz", "again.zip"])
def test_bomb_does_not_cover_a_virus(name: str, daemon: Daemon) -> None:
    """B13.04, issue 6: a limit never cancels the other checks, for which amavisd-new passes such mail."""
    bomb = BOMBS[name]()
    assert deliver(daemon, with_attachments(bomb, samples.eicar())).verdict.startswith("Blocked INFECTED")
    assert deliver(daemon, with_attachments(bomb, samples.eicar_twin())).verdict.startswith("Passed UNCHECKED")


def with_attachments(*contents: bytes) -> bytes:
    """A message with these attachments."""
    parts = (
        b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(octets)
        for octets in contents
    )
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(parts) + b"--b--\r\n"


def damaged(octets: bytes, generator: random.Random) -> Iterator[bytes]:
    """Cut off in several places, and with bits flipped."""
    for share in (0.1, 0.5, 0.9):
        yield octets[: int(len(octets) * share)]
    for flips in (1, 10):
        changed = bytearray(octets)
        for _ in range(flips):
            changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
        yield bytes(changed)


@pytest.mark.parametrize("name", PACKERS)
def test_damaged_archive(name: str, daemon: Daemon, archives: dict[str, Path]) -> None:
    """Issue 6: cut off and bit-flipped archives of every format; all in one mail, each is looked at by itself."""
    octets = archives[name].read_bytes()
    sent = deliver(daemon, with_attachments(*damaged(octets, random.Random(name))))
    assert_definite(sent)


def test_harmless_mail_is_clean(daemon: Daemon, archives: dict[str, Path]) -> None:
    """The twin of all above: an attachment in an archive that is sound."""
    sent = deliver(daemon, with_attachments(samples.zipped(b"Hello\r\n")))
    assert sent.verdict == "Passed CLEAN", sent.log
