"""One entry of `spam_scanners`: servers that give the same answers, with fail-over and one time limit (B14.06)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from mailcordon.check.spread import Spread
from mailcordon.errors import ProtocolError, ScannerError
from mailcordon.mail.finding import SpamScore
from mailcordon.mail.message import Mail


class SpamServer(Protocol):
    """A server that rates messages."""

    @property
    def address(self) -> str:
        """Where it is found, for the log."""

    async def score(self, mail: Mail, user: str) -> SpamScore:
        """Rate the message with the preferences of `user`; empty: the server's own for everybody.

        Raises OSError or ProtocolError when there is no score.
        """

    async def ping(self) -> None:
        """Raises OSError or ProtocolError unless the server answers."""

    async def close(self) -> None:
        """Give up connections."""


class SpamScanner:
    """An entry."""

    def __init__(
        self,
        name: str,
        engine: str,
        servers: Sequence[SpamServer],
        *,
        timeout_seconds: float,
        size_limit: int,
        factor: float,
        knows_users: bool,
    ) -> None:
        """`engine`: what stands before an address in an error. `size_limit`: octets, 0 for none. `factor`: its points
        are multiplied by it. `knows_users`: it has preferences of users."""
        self.name = name
        self.knows_users = knows_users
        self._engine = engine
        self._servers = Spread(servers)
        self._timeout = timeout_seconds
        self._size_limit = size_limit
        self._factor = factor

    @property
    def size_limit(self) -> int:
        """Octets of the largest message that is given to it; 0 for no limit."""
        return self._size_limit

    def takes(self, mail: Mail) -> bool:
        """Whether the message is not too large for it."""
        return not self._size_limit or mail.size <= self._size_limit

    async def score(self, mail: Mail, user: str) -> SpamScore:
        """Rate the message. Raises ScannerError when no server has rated it in time.

        A failure is tried once more even with a single server: spamd replaces its children now and then. Running out of
        time is not, for another try would only add to the load that caused it; of several servers each has its share of
        the time that is left.
        """
        ends = asyncio.get_running_loop().time() + self._timeout
        order = self._servers.order()
        tries = order if len(order) > 1 else order * 2
        failures: list[str] = []
        for number, server in enumerate(tries):
            left = ends - asyncio.get_running_loop().time()
            share = left / (len(order) - number) if len(order) > 1 else left
            try:
                return self._weighted(await self._ask(server, mail, user, share))
            except TimeoutError:
                failures.append(f"{self._engine} at {server.address}: no answer within {share:.3g} s")
                if len(order) == 1:
                    break
            except (OSError, ProtocolError) as error:
                failures.append(f"{self._engine} at {server.address}: {_reason(error)}")
        raise ScannerError("; ".join(dict.fromkeys(failures)))

    async def _ask(self, server: SpamServer, mail: Mail, user: str, seconds: float) -> SpamScore:
        with self._servers.asking(server):
            async with asyncio.timeout(seconds):
                return await server.score(mail, user)

    def _weighted(self, score: SpamScore) -> SpamScore:
        if self._factor == 1.0:
            return score
        return replace(
            score,
            score=round(score.score * self._factor, 3),
            tests=tuple(
                (name, None if points is None else round(points * self._factor, 3)) for name, points in score.tests
            ),
        )

    async def failures(self) -> tuple[tuple[str, str | None], ...]:
        """The address of each server, and why it does not answer: None when it does."""
        return tuple(await asyncio.gather(*(self._failure(server) for server in self._servers.servers)))

    async def _failure(self, server: SpamServer) -> tuple[str, str | None]:
        try:
            async with asyncio.timeout(self._timeout):
                await server.ping()
        except TimeoutError:
            return server.address, f"{self._engine} at {server.address}: no answer within {self._timeout:.3g} s"
        except (OSError, ProtocolError) as error:
            return server.address, f"{self._engine} at {server.address}: {_reason(error)}"
        return server.address, None

    async def close(self) -> None:
        """Give up all connections."""
        for server in self._servers.servers:
            await server.close()


def _reason(error: OSError | ProtocolError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
