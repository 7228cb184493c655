"""A virus scanner that is one clamd, or several with the same signatures (B14.01, B14.02)."""

import asyncio
import logging
import math
from collections.abc import Sequence

from mailcordon.check.clamd import ClamdClient
from mailcordon.check.scan_input import Item, ScanInput
from mailcordon.check.spread import Spread
from mailcordon.config.av_scanner import AvScanner
from mailcordon.errors import EndlessScanError, ScannerError
from mailcordon.mail.finding import Finding

log = logging.getLogger(__name__)


class ClamdScanner:
    """One entry of `av_scanners` that speaks clamd's protocol."""

    is_program = False

    def __init__(self, entry: AvScanner, timeout_seconds: float, *, first_infected_stops: bool = False) -> None:
        self.name = entry.name
        self.scope = entry.scan
        self._timeout = timeout_seconds
        self._servers = Spread(
            [
                ClamdClient(entry.name, address, timeout_seconds, first_infected_stops=first_infected_stops)
                for address in entry.socket
            ]
        )

    @property
    def address(self) -> str:
        """Where the servers listen."""
        return ", ".join(client.address for client in self._servers.servers)

    async def scan(self, subject: ScanInput, seconds: float = math.inf) -> tuple[Finding, ...]:
        """What was found, within `seconds` if they are less than the usual time; nothing means clean.

        Raises ScannerError when no server gives a verdict, EndlessScanError when that is the message's doing.
        """
        items = subject.items(self.scope)
        order = self._servers.order()
        if len(order) == 1:
            return await order[0].scan(items, seconds)
        return await self._first_verdict(order, items, min(seconds, self._timeout), subject.mail.log_id)

    async def _first_verdict(
        self, order: Sequence[ClamdClient], items: Sequence[Item], seconds: float, log_id: str
    ) -> tuple[Finding, ...]:
        """One time limit for all: each server has its share of what is left."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        failures: list[str] = []
        endless: EndlessScanError | None = None
        for number, client in enumerate(order):
            share = (ends - loop.time()) / (len(order) - number)
            try:
                with self._servers.asking(client):
                    try:
                        return await client.scan(items, share)
                    except EndlessScanError as error:  # nothing is wrong with the server
                        endless = error
            except ScannerError as error:
                log.warning("(%s) run_av (%s): %s", log_id, self.name, error)
                failures.append(str(error))
        raise endless or ScannerError("; ".join(failures))

    async def ping(self) -> None:
        """Raises ScannerError when no server answers; one that does not is a warning."""
        servers = self._servers.servers
        failures = [failure for failure in await asyncio.gather(*map(self._failure, servers)) if failure]
        if len(failures) == len(servers):
            raise ScannerError("; ".join(failures))
        for failure in failures:
            log.warning("%s, one of the servers of %s", failure, self.name)

    async def _failure(self, client: ClamdClient) -> str | None:
        try:
            with self._servers.asking(client):
                await client.ping()
        except ScannerError as error:
            return str(error)
        return None

    async def close(self) -> None:
        """Give up connections."""
        for client in self._servers.servers:
            await client.close()
