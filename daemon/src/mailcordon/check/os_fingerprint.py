"""Asks p0f for the operating systems of clients (B16.10). Nothing depends on an answer: no mail waits longer for one
than `os_fingerprint_timeout`, and none is refused without."""

import asyncio
import logging
import time
from ipaddress import IPv4Address, IPv6Address

from mailcordon.check.p0f_analyzer import ask_analyzer
from mailcordon.check.p0f_socket import P0fSocket
from mailcordon.config.fingerprint_method import FingerprintMethod
from mailcordon.config.networks import host_address
from mailcordon.config.settings import Settings
from mailcordon.errors import ProtocolError
from mailcordon.mail.message import Mail
from mailcordon.mail.os_fingerprint import one_line

log = logging.getLogger(__name__)

COMPLAINT_INTERVAL = 60.0
"""Seconds for which further failures are not worth a warning."""


class Fingerprints:
    """Asks; one instance a worker."""

    def __init__(self, *, timeout_seconds: float) -> None:
        self._timeout = timeout_seconds
        self._sockets: dict[str, P0fSocket] = {}
        self._silent_until = 0.0
        self._unsaid = 0

    def ask(self, mail: Mail, settings: Settings) -> "asyncio.Task[str | None] | None":
        """Begin to ask about the client; None if that is not wanted, or not known who it is.

        The task ends within the time limit and never fails; its result is None where nothing is known. Mail from our
        own side is left out: what systems we run is nothing for header fields.
        """
        method = settings.os_fingerprint_method
        if method.is_off or mail.session.originating:
            return None
        address, target = _known(mail.session.client.addr), method.seen_from(mail.session.peer_addr)
        if address is None or target is None:
            return None
        ends = asyncio.get_running_loop().time() + self._timeout
        return asyncio.create_task(self._ask(mail, target, address, ends), name=f"{mail.log_id} os_fingerprint")

    async def _ask(
        self, mail: Mail, target: FingerprintMethod, address: IPv4Address | IPv6Address, ends: float
    ) -> str | None:
        started = time.perf_counter()
        try:
            async with asyncio.timeout_at(ends):
                text = one_line(await self._answer(target, address, mail.session.client.port))
        except TimeoutError:
            self._complain(mail, target, f"no answer within {self._timeout:g} s")
        except (OSError, ProtocolError) as error:
            self._complain(mail, target, getattr(error, "strerror", None) or str(error))
        except Exception:
            # A defect, but none for which mail has to wait.
            log.exception("(%s) os_fingerprint: unexpected error", mail.log_id)
        else:
            return text or None
        finally:
            if mail.timing is not None:
                mail.timing.beside("os_fingerprint", time.perf_counter() - started)
        return None

    async def _answer(self, target: FingerprintMethod, address: IPv4Address | IPv6Address, port: int | None) -> str:
        if target.path is not None:
            server = self._sockets.setdefault(target.path, P0fSocket(target.path))
            return await server.ask(address)
        return await ask_analyzer(str(target.host), target.port or 0, str(address), port)

    def _complain(self, mail: Mail, target: FingerprintMethod, reason: str) -> None:
        """One warning a minute, however much mail comes: p0f is nothing that mail depends on."""
        now = time.monotonic()
        if now < self._silent_until:
            self._unsaid += 1
            log.debug("(%s) os_fingerprint: %s FAILED - %s", mail.log_id, target, reason)
            return
        others = f" (and {self._unsaid} times before)" if self._unsaid else ""
        log.warning("(%s) os_fingerprint: %s FAILED - %s%s", mail.log_id, target, reason, others)
        self._silent_until, self._unsaid = now + COMPLAINT_INTERVAL, 0


def _known(text: str | None) -> IPv4Address | IPv6Address | None:
    """The client's address as p0f sees it; None if it stands for no host."""
    address = host_address((text or "").partition("%")[0])
    return None if address is None or address.is_unspecified else address
