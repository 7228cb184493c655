"""Answers Prometheus from the supervisor's loop: HTTP/1.1, one request a connection, nothing but GET /metrics.

The supervisor is single-threaded and forks, so there is no server with threads here. A client that is slow or says
nonsense costs a descriptor for a few seconds, and there are never more than a few.
"""

import contextlib
import logging
import selectors
import socket
import time
from collections.abc import Callable
from pathlib import Path

from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError
from mailcordon.run.unix_socket import UnixListener

log = logging.getLogger(__name__)

MAX_CLIENTS = 8
PATIENCE = 5.0
"""Seconds that a client has for its request and for taking the answer."""
_MAX_REQUEST = 8192
_BACKLOG = 16
_END = b"\r\n\r\n"

Render = Callable[[], bytes | None]
"""The text of the metrics; None when there are none at the moment."""


class MetricsServer:
    """Its sockets are events of `selector`, with a function to call as data."""

    def __init__(self, selector: selectors.BaseSelector, render: Render) -> None:
        self._selector = selector
        self._render = render
        self._address = ""
        self._listener: socket.socket | None = None
        self._unix: UnixListener | None = None
        self._clients: dict[socket.socket, _Client] = {}

    def open(self, settings: Settings) -> None:
        """Listen where `metrics_listen` says; at the same place as before, or nowhere, too. Raises StartupError."""
        if settings.metrics_listen == self._address:
            return
        listener, unix = None, None
        if settings.metrics_listen.startswith("/"):
            unix = UnixListener(Path(settings.metrics_listen), settings.unix_socket_mode, _BACKLOG)
            listener = unix.socket
        elif settings.metrics_listen:
            listener = _bind(settings.metrics_listen)
        self.close()
        self._address, self._listener, self._unix = settings.metrics_listen, listener, unix
        if listener is not None:
            self._selector.register(listener, selectors.EVENT_READ, self._accept)
            log.info("metrics on %s", self._address)

    def close(self) -> None:
        """Listen no more, and send everybody away."""
        for client in list(self._clients.values()):
            self._drop(client)
        if self._listener is not None:
            self._selector.unregister(self._listener)
            if self._unix is not None:
                self._unix.close()
            else:
                self._listener.close()
        self._address, self._listener, self._unix = "", None, None

    def abandon(self) -> None:
        """Give up the descriptors in a child; the sockets stay those of the supervisor."""
        for sock in (*self._clients, *([self._listener] if self._listener else [])):
            sock.close()

    @property
    def next_timeout(self) -> float | None:
        """Seconds until somebody has had enough time; None when nobody is there."""
        ends = [client.ends for client in self._clients.values()]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def end_slow(self) -> None:
        """Send away who has had enough time."""
        now = time.monotonic()
        for client in [client for client in self._clients.values() if client.ends <= now]:
            self._drop(client)

    def _accept(self) -> None:
        assert self._listener is not None  # noqa: S101 - it is the one that is readable
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= MAX_CLIENTS:
            sock.close()
            return
        sock.setblocking(False)
        client = self._clients[sock] = _Client(sock, time.monotonic() + PATIENCE)
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._serve(client))

    def _serve(self, client: "_Client") -> None:
        try:
            if not client.answer:
                octets = client.sock.recv(_MAX_REQUEST)
                client.request += octets
                if not octets or len(client.request) > _MAX_REQUEST:
                    self._drop(client)
                    return
                if _END not in client.request:
                    return
                client.answer = memoryview(_answer(bytes(client.request), self._render))
                self._selector.modify(client.sock, selectors.EVENT_WRITE, lambda: self._serve(client))
            client.answer = client.answer[client.sock.send(client.answer) :]
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)
            return
        if not client.answer:
            self._drop(client)

    def _drop(self, client: "_Client") -> None:
        del self._clients[client.sock]
        self._selector.unregister(client.sock)
        # Half a close first: what the client has still sent must not make the kernel throw the answer away.
        with contextlib.suppress(OSError):
            client.sock.shutdown(socket.SHUT_WR)
        client.sock.close()


class _Client:
    def __init__(self, sock: socket.socket, ends: float) -> None:
        self.sock = sock
        self.ends = ends
        self.request = bytearray()
        self.answer = memoryview(b"")


def _answer(request: bytes, render: Render) -> bytes:
    words = request.partition(b"\r\n")[0].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        return _response("400 Bad Request", "text/plain", b"this is HTTP/1.1\n")
    method, path = words[0], words[1].partition(b"?")[0]
    if method not in (b"GET", b"HEAD"):
        return _response("405 Method Not Allowed", "text/plain", b"GET only\n")
    if path != b"/metrics":
        return _response("404 Not Found", "text/plain", b"see /metrics\n")
    # Without this setting nobody pays for the library.
    from mailcordon.run.metrics import CONTENT_TYPE

    body = render()
    if body is None:
        return _response("503 Service Unavailable", "text/plain", b"nobody sees the counters, see the log\n")
    return _response("200 OK", CONTENT_TYPE, body, with_body=method == b"GET")


def _response(status: str, content_type: str, body: bytes, *, with_body: bool = True) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + (body if with_body else b"")


def _bind(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StartupError(f"cannot listen on {address}: {error.strerror}; see metrics_listen") from None
    return listener
