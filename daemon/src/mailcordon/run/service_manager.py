"""The systemd protocols: sd_notify(3) and sd_listen_fds(3)."""

import os
import socket
from collections.abc import MutableMapping

LISTEN_FDS_START = 3
SEND_TIMEOUT = 1.0
"""Seconds. A service manager that does not read must not stop the supervisor from looking after its workers."""


class ServiceManager:
    """Tells the service manager how the daemon is; does nothing when there is none."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        watchdog_usec = environment.get("WATCHDOG_USEC", "")
        self.watchdog_interval = int(watchdog_usec) / 2e6 if watchdog_usec.isdigit() else None
        """Seconds between two signs of life that the service manager wants; None when it wants none."""

    def notify(self, **state: str | int) -> None:
        """Send e.g. `READY=1` and `STATUS=...`. A service manager that is gone is not our problem."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        message = "\n".join(f"{name}={value}" for name, value in state.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(SEND_TIMEOUT)
            try:
                channel.sendto(message.encode(), address)
            except OSError:
                return


def inherited_sockets(environment: MutableMapping[str, str]) -> list[socket.socket]:
    """The listening sockets that the service manager opened for this process, none if it did not.

    Takes the variables out of `environment`, so that no child believes they are for it.
    """
    pid, number = environment.pop("LISTEN_PID", ""), environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not number.isdigit():
        return []
    sockets = []
    for descriptor in range(LISTEN_FDS_START, LISTEN_FDS_START + int(number)):
        os.set_inheritable(descriptor, False)
        sockets.append(socket.socket(fileno=descriptor))
    return sockets
