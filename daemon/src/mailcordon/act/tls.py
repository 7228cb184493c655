"""How connections to next hops are encrypted (features 13.10, 13.11)."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Literal

from mailcordon.act.hop_stream import HopBrokenError
from mailcordon.config.message_settings import MessageSettings


@dataclass(frozen=True, slots=True)
class Security:
    """What a message asks of the way to its next hop."""

    level: Literal["none", "may", "encrypt"] = "none"
    verify: bool = False

    @classmethod
    def of(cls, settings: MessageSettings) -> "Security":
        """What `settings` ask for."""
        return cls(settings.tls_security_level_out, settings.tls_verify_out)


class TlsContexts:
    """Makes the contexts when the first connection needs them; one instance a worker.

    We show no certificate of our own, and TLS 1.2 is the least.
    """

    def __init__(self, ca_file: str = "") -> None:
        """`ca_file`: authorities for connections that are verified; empty means the system's."""
        self._ca_file = ca_file
        self._made: dict[bool, ssl.SSLContext] = {}

    async def get(self, *, verify: bool) -> ssl.SSLContext:
        """The context. Raises HopError when the authorities cannot be read."""
        context = self._made.get(verify)
        if context is None:
            # In a thread: reading the authorities takes tens of milliseconds.
            context = self._made[verify] = await asyncio.to_thread(self._make, verify)
        return context

    def _make(self, verify: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        try:
            if self._ca_file:
                context.load_verify_locations(self._ca_file)
            else:
                context.load_default_certs()
        except (OSError, ssl.SSLError) as error:
            why = error.reason if isinstance(error, ssl.SSLError) else error.strerror
            raise HopBrokenError("STARTTLS", f"tls_ca_file_out: {self._ca_file} cannot be read: {why}") from error
        return context
