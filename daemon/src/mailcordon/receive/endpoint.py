"""Where a connection of the mail server comes from, and where it arrived."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Addresses of the connection; a unix socket has nothing but a path."""

    peer_addr: str | None = None
    local_addr: str | None = None
    local_port: int | None = None
    path: str | None = None

    @property
    def client(self) -> str:
        """The client in log lines."""
        return self.peer_addr or "-"
