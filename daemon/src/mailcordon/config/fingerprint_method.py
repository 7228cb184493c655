"""Whom to ask for the operating systems of clients: `os_fingerprint_method` (B16.10, features 15.08)."""

import re
from dataclasses import dataclass

from mailcordon.config.next_hop import CLIENTS_OWN

_METHOD = re.compile(
    r"p0f:(?:(?:\[(?P<literal>[^\]\s]+)\]|(?P<host>[^\[\]:/\s]+)):(?P<port>[0-9]{1,5})|(?P<path>/\S+))", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class FingerprintMethod:
    """Where p0f-analyzer takes queries, or where p0f itself does; neither: nobody is asked."""

    host: str | None = None
    """Name or address of p0f-analyzer's host; CLIENTS_OWN for the MTA's, which brings the mail."""
    port: int | None = None
    """Its UDP port."""
    path: str | None = None
    """The unix socket of p0f version 3."""

    def __str__(self) -> str:
        if self.path:
            return f"p0f:{self.path}"
        return f"p0f:{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}" if self.host else ""

    @property
    def is_off(self) -> bool:
        """Nobody is asked."""
        return self.host is None and self.path is None

    def seen_from(self, peer: str | None) -> "FingerprintMethod | None":
        """The place that it stands for in mail that `peer` brings; None if there is none, as on a unix socket."""
        if self.host != CLIENTS_OWN:
            return self
        return FingerprintMethod(peer, self.port) if peer else None


def fingerprint_method(raw: object) -> FingerprintMethod:
    """Read a method; empty is one that asks nobody. Raises ValueError."""
    if isinstance(raw, FingerprintMethod):
        return raw
    if raw == "":
        return FingerprintMethod()
    match = _METHOD.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        raise ValueError(f"{raw!r} is neither empty, p0f:HOST:PORT as p0f:127.0.0.1:2345, nor p0f:/PATH/OF/SOCKET")
    if match["path"]:
        return FingerprintMethod(path=match["path"])
    port = int(match["port"])
    if not 0 < port < 65536:
        raise ValueError(f"{raw!r} has no valid port")
    return FingerprintMethod(match["literal"] or match["host"], port)
