"""A worker process as the supervisor sees it: started by fork, watched through a pipe, ended by signals."""

import contextlib
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence

from mailcordon.config.settings import Settings
from mailcordon.errors import MailcordonError
from mailcordon.run import worker
from mailcordon.run.log import logging_to, make_handler, threshold

log = logging.getLogger(__name__)

PIPE_READ_SIZE = 4096
EXIT_DEFECT = 70
"""EX_SOFTWARE of sysexits.h: the worker ended by an exception."""


class WorkerProcess:
    """One running worker and what is known of it."""

    def __init__(self, pid: int, generation: int, pipe: int) -> None:
        self.pid = pid
        self.generation = generation
        """Number of the configuration it runs with."""
        self.pipe = pipe
        """Descriptor that becomes readable with each sign of life."""
        self.started_at = time.monotonic()
        self.last_seen = self.started_at
        self.ready = False
        self.stopping_since: float | None = None

    def read_signs_of_life(self) -> None:
        """Take what the worker wrote; the first sign says that it takes mail."""
        with contextlib.suppress(BlockingIOError):
            if os.read(self.pipe, PIPE_READ_SIZE):
                self.ready = True
                self.last_seen = time.monotonic()

    def stop(self) -> None:
        """Ask it to finish what it has begun and to leave."""
        if self.stopping_since is None:
            self.stopping_since = time.monotonic()
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once; the MTA still has the mail that it was working on."""
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """Give up the pipe once the process has ended."""
        os.close(self.pipe)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


def start(
    settings: Settings,
    generation: int,
    sockets: Sequence[socket.socket],
    *,
    to_terminal: bool,
    is_first: bool,
    in_child: Callable[[], None],
) -> WorkerProcess:
    """Fork a worker. `in_child` gives up what belongs to the supervisor alone."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    # What is alive now stays shared with the children: the collector must not touch, and so copy, its pages.
    gc.freeze()
    pid = os.fork()
    if pid:
        os.close(writer)
        return WorkerProcess(pid, generation, reader)
    status = EXIT_DEFECT
    try:
        os.close(reader)
        in_child()
        status = _child(settings, sockets, writer, to_terminal=to_terminal, is_first=is_first)
    finally:
        # Never back into the supervisor's code.
        os._exit(status)


def _child(
    settings: Settings, sockets: Sequence[socket.socket], heartbeat: int, *, to_terminal: bool, is_first: bool
) -> int:
    handler = make_handler(settings, to_terminal=to_terminal)
    with logging_to(handler, threshold(settings.log_level), queued=True):
        try:
            worker.run(settings, sockets, heartbeat, is_first=is_first)
        except MailcordonError as error:
            log.critical("worker: %s", error)
            return EXIT_DEFECT
        except Exception:
            log.exception("worker ended by a defect")
            return EXIT_DEFECT
    return 0
