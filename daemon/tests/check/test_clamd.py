"""The clamd client against a real clamd (B14.02, features 2.75, 2.76, 7.04)."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailcordon.check.clamd import MAX_IDLE_CONNECTIONS, ClamdClient
from mailcordon.check.scan_input import Whole
from mailcordon.config.types import SocketAddress
from mailcordon.errors import ScannerError
from mailcordon.mail.category import UNCHECKED_ENCRYPTED, UNCHECKED_OVER_LIMITS, Category, Major
from mailcordon.mail.content import Content
from mailcordon.mail.message import Mail
from samples import eicar, eicar_twin, plain, with_attachment, zipped
from servers import SIGNATURE, Clamd

MakeMail = Callable[..., Mail]
VIRUS = Category(Major.VIRUS)


def on_unix(clamd: Clamd, timeout_seconds: float = 20) -> ClamdClient:
    return ClamdClient("test", SocketAddress(path=clamd.path), timeout_seconds)


def on_tcp(clamd: Clamd, timeout_seconds: float = 20) -> ClamdClient:
    return ClamdClient("test", SocketAddress(host="127.0.0.1", port=clamd.port), timeout_seconds)


@pytest.fixture(params=[on_unix, on_tcp], ids=["FILDES", "INSTREAM"])
def connect(request: pytest.FixtureRequest) -> Callable[..., ClamdClient]:
    """Makes a client of one or the other kind."""
    make: Callable[..., ClamdClient] = request.param
    return make


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": plain,
    "base64": with_attachment,
    "zip": lambda octets: with_attachment(zipped(octets), "x.zip"),
    "zip in zip": lambda octets: with_attachment(zipped(zipped(octets, "x.zip")), "y.zip"),
}


@pytest.mark.parametrize("form", FORMS)
async def test_eicar_is_found_and_its_twin_is_not(
    form: str, connect: Callable[..., ClamdClient], clamd: Clamd, make_mail: MakeMail
) -> None:
    """Checklist 9 and 10."""
    client = connect(clamd)
    (found,) = await client.scan([Whole(make_mail(FORMS[form](eicar())).content)])
    assert (found.category, found.name, found.source) == (VIRUS, SIGNATURE, "test")
    assert await client.scan([Whole(make_mail(FORMS[form](eicar_twin())).content)]) == ()
    await client.close()


async def test_many_scans_on_one_connection(
    connect: Callable[..., ClamdClient], clamd: Clamd, make_mail: MakeMail
) -> None:
    client = connect(clamd)
    infected, clean = make_mail(plain(eicar())).content, make_mail(plain()).content
    for _ in range(20):
        assert len(await client.scan([Whole(infected)])) == 1
        assert await client.scan([Whole(clean)]) == ()
    assert len(client._idle) == 1
    await client.close()


async def test_scans_at_the_same_time_do_not_mix(
    connect: Callable[..., ClamdClient], clamd: Clamd, make_mail: MakeMail
) -> None:
    client = connect(clamd)
    contents = [make_mail(plain(eicar() if number % 3 == 0 else b"x" * number)).content for number in range(60)]
    results = await asyncio.gather(*(client.scan([Whole(content)]) for content in contents))
    assert [bool(found) for found in results] == [number % 3 == 0 for number in range(60)]
    assert len(client._idle) <= MAX_IDLE_CONNECTIONS
    await client.close()


async def test_position_of_the_descriptor_is_not_moved(clamd: Clamd, make_mail: MakeMail) -> None:
    """A descriptor shares its position with copies of it; ours stays where it was for whoever reads it next."""
    client = on_unix(clamd)
    content = make_mail(plain(eicar())).content
    descriptor = content.fileno()
    for _ in range(2):
        assert len(await client.scan([Whole(content)])) == 1
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0
    await client.close()


async def test_empty_message(connect: Callable[..., ClamdClient], clamd: Clamd, make_mail: MakeMail) -> None:
    client = connect(clamd)
    assert await client.scan([Whole(make_mail(b"").content)]) == ()
    await client.close()


async def test_large_message(connect: Callable[..., ClamdClient], clamd: Clamd, make_mail: MakeMail) -> None:
    client = connect(clamd)
    padding = b"Good morning.\r\n" * 400_000
    # Within a mail clamd looks for signatures in the parts, and the text starts with this one.
    assert len(await client.scan([Whole(make_mail(plain(eicar() + b"\r\n" + padding)).content)])) == 1
    assert await client.scan([Whole(make_mail(plain(eicar_twin() + b"\r\n" + padding)).content)]) == ()
    await client.close()


async def test_beyond_max_file_size_is_unchecked(clamd: Clamd, make_mail: MakeMail) -> None:
    """Features 2.76: names of exceeded limits are no virus."""
    client = on_unix(clamd)
    (found,) = await client.scan([Whole(make_mail(plain(b"x" * 21_000_000)).content)])
    assert found.category == Category(Major.UNCHECKED, UNCHECKED_OVER_LIMITS)
    assert found.name.startswith("Heuristics.Limits.Exceeded")
    await client.close()


async def test_beyond_stream_max_length_is_unchecked(own_clamd: Clamd, make_mail: MakeMail) -> None:
    """It could never be scanned, however often the client tries again; the client goes on working."""
    client = on_tcp(own_clamd)
    (found,) = await client.scan([Whole(make_mail(plain(b"x" * 3_000_000)).content)])
    assert found.category == Category(Major.UNCHECKED, UNCHECKED_OVER_LIMITS)
    assert len(await client.scan([Whole(make_mail(plain(eicar())).content)])) == 1
    await client.close()


async def test_encrypted_archive_is_unchecked(clamd: Clamd, make_mail: MakeMail, tmp_path: Path) -> None:
    """Features 2.75."""
    client = on_unix(clamd)
    archive = bytearray(zipped(b"secret " * 100))
    # The flag "encrypted" in the local and in the central header; nobody decrypts it to see that it is not.
    archive[6] |= 1
    archive[archive.index(b"PK\x01\x02") + 8] |= 1
    (found,) = await client.scan([Whole(make_mail(with_attachment(bytes(archive), "x.zip")).content)])
    assert found.category == Category(Major.UNCHECKED, UNCHECKED_ENCRYPTED)
    assert await client.scan([Whole(make_mail(with_attachment(zipped(b"secret " * 100), "x.zip")).content)]) == ()
    await client.close()


async def test_restarted_clamd_is_found_again(
    connect: Callable[..., ClamdClient], own_clamd: Clamd, make_mail: MakeMail
) -> None:
    """Checklist 23: no restart of ours, no failed message."""
    client = connect(own_clamd)
    content = make_mail(plain(eicar())).content
    assert len(await client.scan([Whole(content)])) == 1
    own_clamd.restart()
    assert len(await client.scan([Whole(content)])) == 1
    await client.close()


async def test_stopped_clamd_gives_no_verdict(
    connect: Callable[..., ClamdClient], own_clamd: Clamd, make_mail: MakeMail
) -> None:
    """Design rule 2. The connection was in use before, the socket file is left over."""
    client = connect(own_clamd)
    content = make_mail(plain(eicar())).content
    await client.ping()
    own_clamd.stop()
    for _ in range(2):
        with pytest.raises(ScannerError, match=r"clamd at \S+: (Connection refused|No such file|Connect call failed)"):
            await client.scan([Whole(content)])
    own_clamd.start()
    assert len(await client.scan([Whole(content)])) == 1
    await client.close()


async def test_slow_clamd_runs_into_the_time_limit(
    connect: Callable[..., ClamdClient], own_clamd: Clamd, make_mail: MakeMail
) -> None:
    client = connect(own_clamd, 0.5)
    content = make_mail(plain(eicar())).content
    await client.ping()
    own_clamd.suspend()
    with pytest.raises(ScannerError, match=r"no answer within 0\.5 s"):
        await client.scan([Whole(content)])
    own_clamd.resume()
    # The late answer to the first request must not be taken for that to the next one.
    assert await client.scan([Whole(make_mail(plain(eicar_twin())).content)]) == ()
    await client.close()


async def test_time_spent_before_the_scan_does_not_count(clamd: Clamd, make_mail: MakeMail) -> None:
    """Features 7.04: a quick scan never raises a timeout, however old the message is."""
    client = on_unix(clamd, 0.3)
    content = make_mail(plain()).content
    await asyncio.sleep(0.4)
    assert await client.scan([Whole(content)]) == ()
    await client.close()


class Peer:
    """Answers each connection with given octets and closes: for what a healthy clamd never says."""

    def __init__(self, path: Path, answer: bytes) -> None:
        self.address = SocketAddress(path=str(path))
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(0.1)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            with connection:
                time.sleep(0.05)
                connection.recv(10_000)
                connection.sendall(self._answer)

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._listener.close()


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Callable[[bytes], ClamdClient]]:
    """Makes a client whose clamd gives the answer in question."""
    peers: list[Peer] = []

    def make(answer: bytes) -> ClamdClient:
        peers.append(Peer(tmp_path / f"peer{len(peers)}.sock", answer))
        return ClamdClient("test", peers[-1].address, 5)

    yield make
    for peer in peers:
        peer.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"1: ",
        b"OK\0",
        b"1: OK\0",
        b"1: fd[10]: OK",
        b"1: fd[10]: ok\0",
        b"1: fd[10]: Can't allocate memory ERROR\0",
        b"1: No file descriptor received. ERROR\0",
        b"COMMAND READ TIMED OUT\0",
        b"1: FOUND\0",
        b"x" * 100_000,
    ],
)
async def test_nothing_but_ok_is_clean(
    answer: bytes, answering: Callable[[bytes], ClamdClient], make_mail: MakeMail
) -> None:
    """Design rule 2: an answer that is not understood is no verdict."""
    client = answering(answer)
    with pytest.raises(ScannerError, match=r"^clamd at \S+: [^\n]+$"):
        await client.scan([Whole(make_mail(plain()).content)])
    await client.close()


@pytest.mark.parametrize(
    ("result", "name"),
    [
        (b"Win.Test-1 FOUND", "Win.Test-1"),
        (b"Eicar-Test(44d88612fea8a8f36de82e1278abb02f:68) FOUND", "Eicar-Test"),
        (b"A\r\nX: y FOUND", "A??X: y"),
    ],
)
async def test_names(result: bytes, name: str, answering: Callable[[bytes], ClamdClient], make_mail: MakeMail) -> None:
    """A name goes into the log and into header fields: it must not bring line ends along."""
    client = answering(b"1: fd[10]: " + result + b"\0")
    assert [found.name for found in await client.scan([Whole(make_mail(plain()).content)])] == [name]
    await client.close()


async def test_no_descriptors_are_left_behind(clamd: Clamd, make_mail: MakeMail) -> None:
    client = on_unix(clamd)
    content: Content = make_mail(plain()).content
    await client.scan([Whole(content)])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        await client.scan([Whole(content)])
    assert len(os.listdir("/proc/self/fd")) == before
    await client.close()
