"""An entry with one clamd or several, and many items on one connection (B14.01, B14.02, features 7.02, 7.04)."""

import asyncio
import logging
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from scanning import attached

from mailcordon.check.clamd import WINDOW, ClamdClient
from mailcordon.check.clamd_scanner import ClamdScanner
from mailcordon.check.scan_input import File, ScanInput
from mailcordon.config.av_scanner import AvScanner
from mailcordon.config.types import SocketAddress
from mailcordon.errors import ScannerError
from mailcordon.mail.category import UNCHECKED_OVER_LIMITS, Category, Major
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from samples import eicar, eicar_twin, plain
from servers import SIGNATURE, Clamd

MakeMail = Callable[..., Mail]


def scanner(*sockets: str, timeout_seconds: float = 20, stops: bool = False) -> ClamdScanner:
    entry = AvScanner.model_validate({"name": "test", "protocol": "clamd", "socket": list(sockets)})
    return ClamdScanner(entry, timeout_seconds, first_infected_stops=stops)


def subject_of(mail: Mail) -> ScanInput:
    return ScanInput(mail, Part("1", 0, mail.header.body_start, mail.size))


async def found(scanner: ClamdScanner, mail: Mail) -> list[str]:
    with subject_of(mail) as subject:
        return [finding.name for finding in await scanner.scan(subject)]


# Many items


def files(directory: Path, number: int, infected: set[int]) -> list[File]:
    made = []
    for index in range(number):
        path = directory / f"p{index:03d}"
        path.write_bytes(eicar() if index in infected else b"harmless %d" % index)
        made.append(File(path, attached(f"1.{index}", path)))
    return made


@pytest.fixture(params=["FILDES", "INSTREAM"])
def client(request: pytest.FixtureRequest, own_clamd: Clamd) -> ClamdClient:
    address = SocketAddress(path=own_clamd.path)
    if request.param == "INSTREAM":
        address = SocketAddress(host="127.0.0.1", port=own_clamd.port)
    return ClamdClient("test", address, 20)


async def test_many_items_on_one_connection(client: ClamdClient, tmp_path: Path) -> None:
    """B14.02: the one that is infected is told, also when it is the last."""
    items = files(tmp_path, 10 * WINDOW + 1, {10 * WINDOW})
    (finding,) = await client.scan(items)
    assert (finding.name, finding.part) == (SIGNATURE, items[-1].part)
    assert await client.scan(items[:-1]) == ()
    assert len(client._idle) == 1
    await client.close()


async def test_clamd_needs_no_access_to_the_files(client: ClamdClient, tmp_path: Path) -> None:
    """Features 1.11, 7.09: descriptors and octets are handed over, so that no group must be shared; this file has no
    name any more by which clamd could open it."""
    path = tmp_path / "p001"
    path.write_bytes(eicar())
    with path.open("rb") as stream:
        path.unlink()
        findings = await client.scan([File(Path(f"/proc/self/fd/{stream.fileno()}"))])
    assert [finding.name for finding in findings] == [SIGNATURE]
    await client.close()


async def test_equal_findings_are_told_once(client: ClamdClient, tmp_path: Path) -> None:
    items = files(tmp_path, 30, set(range(5, 30)))
    (finding,) = await client.scan(items)
    assert finding.name == SIGNATURE
    await client.close()


async def test_infected_counts_beside_a_failure(client: ClamdClient, tmp_path: Path) -> None:
    """B14.03; without a virus it is a failure: what clamd could not read was not scanned."""
    items = files(tmp_path, 3, {2})
    directory = tmp_path / "directory"
    directory.mkdir()
    broken = File(directory)
    with pytest.raises(ScannerError):
        await client.scan([items[0], broken])
    if client.address.startswith("/"):  # over TCP nothing is sent of what cannot be read
        assert [finding.name for finding in await client.scan([broken, items[2]])] == [SIGNATURE]
    await client.close()


async def test_the_rest_goes_on_after_a_stream_that_was_too_long(own_clamd: Clamd, tmp_path: Path) -> None:
    """clamd ends the connection, the items behind are scanned all the same."""
    client = ClamdClient("test", SocketAddress(host="127.0.0.1", port=own_clamd.port), 20)
    items = files(tmp_path, 3, {2})
    items[1].path.write_bytes(b"x" * 3_000_000)
    findings = await client.scan(items)
    assert [finding.category for finding in findings] == [
        Category(Major.UNCHECKED, UNCHECKED_OVER_LIMITS),
        Category(Major.VIRUS),
    ]
    await client.close()


async def test_first_infected_stops(own_clamd: Clamd, tmp_path: Path) -> None:
    """The connection is given up with the answers that nobody waits for; the next scan is not mixed up with them."""
    client = ClamdClient("test", SocketAddress(path=own_clamd.path), 20, first_infected_stops=True)
    items = files(tmp_path, 50, {0})
    for _ in range(3):
        assert [finding.name for finding in await client.scan(items)] == [SIGNATURE]
        assert await client.scan(items[1:]) == ()
    await client.close()


# Several servers


async def test_servers_share_the_work(clamd: Clamd, own_clamd: Clamd, make_mail: MakeMail) -> None:
    """One of them is slow to answer: the others do not wait for it, and it gets no more than its share."""
    both = scanner(clamd.path, own_clamd.path)
    clients = both._servers.servers
    mail = make_mail(plain(eicar()))
    for _ in range(4):
        assert await found(both, mail) == [SIGNATURE]
    assert [len(client._idle) for client in clients] == [1, 1]
    own_clamd.suspend()
    waiting = [asyncio.create_task(found(both, mail)) for _ in range(4)]
    async with asyncio.timeout(20):
        for answered in islice(asyncio.as_completed(waiting), 2):
            await answered
    own_clamd.resume()
    assert await asyncio.gather(*waiting) == [[SIGNATURE]] * 4
    await both.close()


async def test_one_of_two_is_killed(
    clamd: Clamd, own_clamd: Clamd, make_mail: MakeMail, caplog: pytest.LogCaptureFixture
) -> None:
    """Under load: no message fails, none passes unscanned, and the one that is left is not told of again and again."""
    both = scanner(clamd.path, own_clamd.path)
    infected, clean = make_mail(plain(eicar())), make_mail(plain(eicar_twin()))
    expected = [[SIGNATURE], []] * 20
    under_way = [asyncio.create_task(found(both, mail)) for mail in (infected, clean) * 20]
    await asyncio.sleep(0)
    own_clamd.kill()
    assert await asyncio.gather(*under_way) == expected
    caplog.clear()
    assert [await found(both, mail) for mail in (infected, clean) * 20] == expected
    assert len(caplog.messages) <= 1
    own_clamd.start()
    await both.close()


async def test_none_is_left(clamd: Clamd, own_clamd: Clamd, make_mail: MakeMail, tmp_path: Path) -> None:
    """All reasons are told; and all are tried, however lately they failed."""
    absent = str(tmp_path / "absent.sock")
    both = scanner(absent, own_clamd.path)
    own_clamd.stop()
    mail = make_mail(plain(eicar()))
    for _ in range(2):
        with pytest.raises(ScannerError, match=rf"clamd at {absent}: No such file or directory") as failure:
            await found(both, mail)
        assert own_clamd.path in str(failure.value)
    own_clamd.start()
    assert await found(both, mail) == [SIGNATURE]
    await both.close()


async def test_one_that_hangs_leaves_time_for_the_others(clamd: Clamd, own_clamd: Clamd, make_mail: MakeMail) -> None:
    """B18.07: one time limit for all of them."""
    both = scanner(own_clamd.path, clamd.path, timeout_seconds=4)
    own_clamd.suspend()
    async with asyncio.timeout(10):
        assert await asyncio.gather(*(found(both, make_mail(plain(eicar()))) for _ in range(2))) == [[SIGNATURE]] * 2
    await both.close()


async def test_discovery(clamd: Clamd, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Features 7.02: an entry is there as long as one of its servers is; the others are warned of."""
    absent = str(tmp_path / "absent.sock")
    both = scanner(clamd.path, absent)
    assert both.address == f"{clamd.path}, {absent}"
    with caplog.at_level(logging.INFO):
        await both.ping()
    assert caplog.messages == [f"clamd at {absent}: No such file or directory, one of the servers of test"]
    with pytest.raises(ScannerError):
        await scanner(absent, f"{absent}2").ping()
    await both.close()
