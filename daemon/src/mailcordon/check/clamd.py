"""Client for clamd (clamd(8), section COMMANDS; contract B14.02).

Connections are kept: IDSESSION makes clamd answer many commands on one. On a unix socket what is to be scanned goes
over as a descriptor (FILDES), so that clamd needs no access to spool and parts (features 7.09); on TCP its octets do
(INSTREAM). One message at a time is under way on a connection; concurrent scans take further connections.
"""

from collections.abc import Sequence

from mailcordon.check.clamd_session import SIZE_LIMIT, ClamdSession
from mailcordon.check.connection import Connection, scanner_failures
from mailcordon.check.scan_input import Item
from mailcordon.check.virus_names import finding_of, is_virus, without_repeats
from mailcordon.config.types import SocketAddress
from mailcordon.errors import ProtocolError
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

    async def scan(self, items: Sequence[Item], seconds: float | None = None) -> tuple[Finding, ...]:
        """What was found in the items, within `seconds` if they are less than the usual time.

        Raises ScannerError: not reachable, no answer in time, or an error of clamd about an item while no other one is
        infected.
        """
        limit = self._timeout if seconds is None else min(seconds, self._timeout)
        async with scanner_failures(f"clamd at {self._address}", limit):
            kept = self._take_idle()
            if kept is not None:
                try:
                    return await self._scan_on(kept, items)
                except (OSError, ProtocolError):
                    pass  # clamd went away between two messages: says nothing about the clamd that runs now
            return await self._scan_on(await self._connect(), items)

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

    async def _scan_on(self, session: ClamdSession, items: Sequence[Item]) -> tuple[Finding, ...]:
        try:
            if self._address.path is None:
                session, findings = await self._stream_all(session, items)
            else:
                findings = await self._pass_all(session, items)
        except BaseException:
            session.close()
            raise
        if session.is_reusable and len(self._idle) < MAX_IDLE_CONNECTIONS:
            self._idle.append(session)
        else:
            session.close()
        return findings

    async def _pass_all(self, session: ClamdSession, items: Sequence[Item]) -> tuple[Finding, ...]:
        """Hand over descriptors, so many at a time that clamd always has one to work on."""
        if len(items) == 1:
            session.pass_descriptor(items[0])
            return _findings(self.name, items[0], (await session.answer())[1])
        results = _Results(self.name)
        under_way: dict[int, Item] = {}
        waiting = iter(items)
        more = True
        while True:
            while more and len(under_way) < WINDOW:
                item = next(waiting, None)
                if item is None:
                    more = False
                else:
                    under_way[session.pass_descriptor(item)] = item
            if not under_way:
                return results.all()
            number, text = await session.answer()
            if number not in under_way:
                raise ProtocolError(f"answered to a command {number} that was not given")
            if results.add(under_way.pop(number), text) and self._first_infected_stops:
                return results.all()

    async def _stream_all(
        self, session: ClamdSession, items: Sequence[Item]
    ) -> tuple[ClamdSession, tuple[Finding, ...]]:
        """Send octets. clamd ends the connection when they are too many, then the rest goes over another one."""
        results = _Results(self.name)
        try:
            for item in items:
                if session.has_ended:
                    session.close()
                    session = await self._connect()
                await session.stream(item)
                if results.add(item, (await session.answer())[1]) and self._first_infected_stops:
                    break
        except BaseException:
            session.close()
            raise
        return session, results.all()


class _Results:
    """What clamd has said of several items: an infected one counts though there was an error about another."""

    def __init__(self, scanner: str) -> None:
        self._scanner = scanner
        self._found: list[Finding] = []
        self._failure: ProtocolError | None = None

    def add(self, item: Item, answer: str) -> bool:
        """Whether it is infected."""
        try:
            found = _findings(self._scanner, item, answer)
        except ProtocolError as error:
            self._failure = error
            return False
        self._found += found
        return any(map(is_virus, found))

    def all(self) -> tuple[Finding, ...]:
        """Raises ProtocolError when there was an error about an item and no virus in another one."""
        if self._failure is not None and not any(map(is_virus, self._found)):
            raise self._failure
        return without_repeats(self._found)


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
