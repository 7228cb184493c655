"""The listening sockets: inherited from the service manager, or bound by the daemon itself."""

import os
import socket
from collections.abc import Iterable
from pathlib import Path

from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError
from mailcordon.run.service_manager import inherited_sockets
from mailcordon.run.unix_socket import UnixListener

BACKLOG = 511

Address = tuple[str, int]


class Listeners:
    """Owns the listening sockets over reloads.

    Sockets from the service manager are kept as they are, and take the place of the ports; unix sockets that it does
    not give are the daemon's own all the same.
    """

    def __init__(self) -> None:
        self._inherited = inherited_sockets(os.environ)
        self._bound: dict[Address, socket.socket] = {}
        self._unix: dict[Path, UnixListener] = {}

    @property
    def sockets(self) -> list[socket.socket]:
        """All listening sockets in use."""
        return [*self._inherited, *self._bound.values(), *(listener.socket for listener in self._unix.values())]

    def open(self, settings: Settings) -> None:
        """Listen where `settings` say; what is open already stays as it is, but for modes and groups of unix
        sockets.

        Raises StartupError, with nothing changed, when an address cannot be bound.
        """
        mode, groups = settings.unix_socket_mode, settings.unix_socket_group
        addresses, paths = self._addresses(settings), self._paths(settings)
        if not addresses and not paths and not self._inherited:
            raise StartupError("there is nothing to listen on; set inet_socket_port or unix_socketname")
        fresh: dict[Address, socket.socket] = {}
        fresh_unix: dict[Path, UnixListener] = {}
        try:
            for address in addresses:
                if address not in self._bound:
                    fresh[address] = _bind(address)
            for path in paths:
                if path not in self._unix:
                    fresh_unix[path] = UnixListener(path, mode, BACKLOG, groups.get(path))
            for path, listener in self._unix.items():
                if path in paths:
                    listener.allow(mode, groups.get(path))
        except StartupError:
            _close_all((*fresh.values(), *fresh_unix.values()))
            raise
        self._bound.update(fresh)
        self._unix.update(fresh_unix)

    def close_others(self, settings: Settings) -> None:
        """Close sockets that `settings` no longer name; called once no new worker needs them."""
        wanted = set(self._addresses(settings))
        for address in [address for address in self._bound if address not in wanted]:
            self._bound.pop(address).close()
        paths = self._paths(settings)
        for path in [path for path in self._unix if path not in paths]:
            self._unix.pop(path).close()

    def close(self) -> None:
        """Close every socket."""
        _close_all((*self._inherited, *self._bound.values(), *self._unix.values()))

    def _addresses(self, settings: Settings) -> list[Address]:
        if self._inherited:
            return []
        return [(settings.inet_socket_bind, port) for port in dict.fromkeys(settings.inet_socket_port)]

    def _paths(self, settings: Settings) -> list[Path]:
        given = {str(_name(listener)) for listener in self._inherited}
        return [path for path in dict.fromkeys(settings.unix_socketname) if str(path) not in given]

    def __str__(self) -> str:
        return ", ".join(str(_name(listener)) for listener in self.sockets)


def _bind(address: Address) -> socket.socket:
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartupError(
            f"cannot listen on {host} port {port}: {error.strerror}; "
            "see inet_socket_bind and inet_socket_port, and `ss -ltnp` for who has it"
        ) from None
    return listener


def _name(listener: socket.socket) -> str:
    name = listener.getsockname()
    return name if isinstance(name, str) else f"[{name[0]}]:{name[1]}"


def _close_all(sockets: Iterable[socket.socket | UnixListener]) -> None:
    for listener in sockets:
        listener.close()
