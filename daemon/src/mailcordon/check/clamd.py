"""Client for clamd (clamd(8), section COMMANDS; contract B14.02).

Connections are kept: IDSESSION makes clamd answer many commands on one. On a unix socket what is to be scanned goes
over as a descriptor (FILDES), so that clamd needs no access to spool and parts (features 7.09); on TCP its octets do
(INSTREAM). One message at a time is under way on a connection; concurrent scans take further connections.
"""

import math
from collections.abc import Sequence

from mailcordon.check.clamd_session import SIZE_LIMIT, ClamdSession
from mailcordon.check.connection import Connection, scanner_failures
from mailcordon.check.overtaking import TRIFLE, scan_failures
from mailcordon.check.scan_input import Item
from mailcordon.check.virus_names import finding_of, is_virus, without_repeats
from mailcordon.config.types import SocketAddress
from mailcordon.errors import ProtocolError, ScannerError
from mailcordon.mail.category import UNCHECKED_OVER_LIMITS, Category, Major
from mailcordon.mail.finding import Finding

MAX_IDLE_CONNECTIONS = 8
"""Kept open when nothing is to be scanned; each one is a descriptor in clamd."""
WINDOW = 8
"""Descriptors that are handed over before the first of them is answered: clamd is busy without a pause."""


class ClamdClient:
    """One clamd. Closed connections, also those that clamd's restart left behind, are replaced without an error."""

    def __init__(
        self, name: str, address: SocketAddress, timeout_seconds: float, *, first_infected_stops: bool = False
    ) -> None:
        """`name` stands in findings. `first_infected_stops`: what comes behind an infected item is not waited for."""
        self.name = name
        self._address = address
        self._timeout = timeout_seconds
        self._first_infected_stops = first_infected_stops
        self._idle: list[ClamdSession] = []

    @property
    def address(self) -> str:
        """Path of the socket, or host and port."""
        return str(self._address)

    async def scan(self, items: Sequence[Item], seconds: float = math.inf) -> tuple[Finding, ...]:
        """What was found in the items, within `seconds` if they are less than the usual time.

        Raises ScannerError: not reachable, no answer in time, or an error of clamd about an item while no other one is
        infected; EndlessScanError when clamd scans other things meanwhile.
        """
        limit = min(seconds, self._timeout)
        results = _Results(self.name, items)
        try:
            async with scan_failures(f"clamd at {self._address}", limit, self._scan_trifle):
                await self._scan_all(items, results)
                return results.all()
        except ScannerError:
            if results.is_infected:
                return results.found
            raise

    async def _scan_all(self, items: Sequence[Item], results: "_Results") -> None:
        kept = self._take_idle()
        if kept is not None:
            try:
                return await self._scan_on(kept, items, results)
            except (OSError, ProtocolError):
                pass  # clamd went away between two messages: says nothing about the clamd that runs now
        return await self._scan_on(await self._connect(), items, results)

    async def _scan_trifle(self) -> None:
        """Have clamd scan something at which it finds nothing. Raises OSError and ProtocolError."""
        session = await self._connect()
        try:
            await session.stream_octets([TRIFLE])
            _, answer = await session.answer()
        finally:
            session.close()
        if not answer.endswith(": OK"):
            raise ProtocolError(f"answered {answer!r}")

    async def ping(self) -> None:
        """Raises ScannerError unless clamd answers PING."""
        async with scanner_failures(f"clamd at {self._address}", self._timeout):
            session = await self._connect()
            try:
                answer = await session.ping()
            finally:
                session.close()
            if answer != "PONG":
                raise ProtocolError(f"answered PING with {answer!r}")

    async def close(self) -> None:
        """Close the idle connections; those in use close themselves when their scans are cancelled."""
        while self._idle:
            self._idle.pop().close()

    def _take_idle(self) -> ClamdSession | None:
        while self._idle:
            session = self._idle.pop()
            if session.is_idle:
                return session
            session.close()
        return None

    async def _connect(self) -> ClamdSession:
        return await ClamdSession.begin(await Connection.open(self._address))

    async def _scan_on(self, session: ClamdSession, items: Sequence[Item], results: "_Results") -> None:
        try:
            if self._address.path is None:
                session = await self._stream_all(session, items, results)
            else:
                await self._pass_all(session, items, results)
        except BaseException:
            session.close()
            raise
        if session.is_reusable and len(self._idle) < MAX_IDLE_CONNECTIONS:
            self._idle.append(session)
        else:
            session.close()

    async def _pass_all(self, session: ClamdSession, items: Sequence[Item], results: "_Results") -> None:
        """Hand over descriptors, so many at a time that clamd always has one to work on."""
        if len(items) == 1:
            session.pass_descriptor(items[0])
            results.add(0, (await session.answer())[1])
            return
        under_way: dict[int, int] = {}
        waiting = iter(_small_ones_first(items))
        more = True
        while True:
            while more and len(under_way) < WINDOW:
                index = next(waiting, None)
                if index is None:
                    more = False
                else:
                    under_way[session.pass_descriptor(items[index])] = index
            if not under_way:
                return
            number, text = await session.answer()
            if number not in under_way:
                raise ProtocolError(f"answered to a command {number} that was not given")
            if results.add(under_way.pop(number), text) and self._first_infected_stops:
                return

    async def _stream_all(self, session: ClamdSession, items: Sequence[Item], results: "_Results") -> ClamdSession:
        """Send octets. clamd ends the connection when they are too many, then the rest goes over another one."""
        try:
            for index in _small_ones_first(items):
                if session.has_ended:
                    session.close()
                    session = await self._connect()
                await session.stream(items[index])
                if results.add(index, (await session.answer())[1]) and self._first_infected_stops:
                    break
        except BaseException:
            session.close()
            raise
        return session


def _small_ones_first(items: Sequence[Item]) -> list[int]:
    """Numbers of the items, so that something small beside a bomb is scanned whatever becomes of that."""
    return sorted(range(len(items)), key=lambda index: items[index].size)


class _Results:
    """What clamd has said of several items: an infected one counts though there was an error about another, or no
    answer."""

    def __init__(self, scanner: str, items: Sequence[Item]) -> None:
        self._scanner = scanner
        self._items = items
        self._found: dict[int, tuple[Finding, ...]] = {}
        self._failures: dict[int, ProtocolError] = {}
        self.is_infected = False
        """Whether any of the items is."""

    def add(self, index: int, answer: str) -> bool:
        """Whether the item of that index is infected."""
        try:
            found = _findings(self._scanner, self._items[index], answer)
        except ProtocolError as error:
            self._failures[index] = error
            return False
        self._failures.pop(index, None)
        infected = any(map(is_virus, found))
        self._found[index] = found
        self.is_infected |= infected
        return infected

    @property
    def found(self) -> tuple[Finding, ...]:
        """What was found by now, in the order of the items."""
        return without_repeats([finding for index in sorted(self._found) for finding in self._found[index]])

    def all(self) -> tuple[Finding, ...]:
        """Raises ProtocolError when there was an error about an item and no virus in another one."""
        if self._failures and not self.is_infected:
            raise next(iter(self._failures.values()))
        return self.found


def _findings(scanner: str, item: Item, answer: str) -> tuple[Finding, ...]:
    """Read `fd[10]: OK`, `stream: NAME FOUND`, `... ERROR`. Raises ProtocolError for all but the first two."""
    if answer == SIZE_LIMIT:
        category = Category(Major.UNCHECKED, UNCHECKED_OVER_LIMITS)
        return (Finding(category, "StreamMaxLength of clamd exceeded", scanner, item.part),)
    _, _, result = answer.partition(": ")
    if result == "OK":
        return ()
    if result.endswith(" FOUND"):
        return (finding_of(result.removesuffix(" FOUND"), scanner, item.part),)
    raise ProtocolError(f"answered {answer!r}")
