"""A worker process as the supervisor sees it: started by fork, watched through a socket pair, ended by signals."""

import contextlib
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence

from mailcordon.config.settings import Settings
from mailcordon.errors import MailcordonError, StartupError
from mailcordon.run import worker
from mailcordon.run.counter_directory import CounterDirectory
from mailcordon.run.counting_log import CountingHandler
from mailcordon.run.json_log import json_logging
from mailcordon.run.log import make_handler, threshold
from mailcordon.run.log_queue import logging_to

log = logging.getLogger(__name__)

EXIT_DEFECT = 70
"""EX_SOFTWARE of sysexits.h: the worker ended by an exception."""
_READ_SIZE = 4096


class WorkerProcess:
    """One running worker and what is known of it."""

    def __init__(self, pid: int, generation: int, channel: socket.socket, silence_limit: int) -> None:
        self.pid = pid
        self.generation = generation
        """Number of the configuration it runs with."""
        self.channel = channel
        """Becomes readable with each sign of life. The worker sees at its end when the supervisor is gone."""
        self.silence_limit = silence_limit
        """Seconds without a sign of life after which it counts as hung."""
        self.started_at = time.monotonic()
        self.last_seen = self.started_at
        self.ready = False
        self.worn_out = False
        """It has handled as many messages as it may, and waits for its replacement."""
        self.stopping_since: float | None = None

    def read_signs_of_life(self) -> None:
        """Take what the worker wrote; the first sign says that it takes mail."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            signs = self.channel.recv(_READ_SIZE)
            if signs:
                self.ready = True
                self.worn_out = self.worn_out or worker.WORN_OUT in signs
                self.last_seen = time.monotonic()

    @property
    def silent(self) -> bool:
        """Whether it counts as hung."""
        return time.monotonic() - self.last_seen > self.silence_limit

    def stop(self) -> None:
        """Ask it to finish what it has begun and to leave."""
        if self.stopping_since is None:
            self.stopping_since = time.monotonic()
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once; the MTA still has the mail that it was working on."""
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """Give up the channel once the process has ended."""
        self.channel.close()

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
    counters: CounterDirectory,
) -> WorkerProcess:
    """Fork a worker. `in_child` gives up what belongs to the supervisor alone.

    Raises StartupError when the system has no process or descriptor to spare.
    """
    try:
        ours, theirs = socket.socketpair()
    except OSError as error:
        raise StartupError(f"cannot start a worker: {error.strerror}") from None
    ours.setblocking(False)
    theirs.setblocking(False)
    # What is alive now stays shared with the children: the collector must not touch, and so copy, its pages.
    gc.freeze()
    # A signal for the child must not end in the supervisor's handlers, which it has until `in_child` is done.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
    except OSError as error:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        ours.close()
        theirs.close()
        raise StartupError(f"cannot start a worker: {error.strerror}") from None
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        return WorkerProcess(pid, generation, ours, settings.worker_silence_limit)
    status = EXIT_DEFECT
    try:
        ours.close()
        in_child()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        status = _child(settings, sockets, theirs, counters, to_terminal=to_terminal, is_first=is_first)
    finally:
        # Never back into the supervisor's code.
        os._exit(status)


def _child(
    settings: Settings,
    sockets: Sequence[socket.socket],
    supervisor: socket.socket,
    counters: CounterDirectory,
    *,
    to_terminal: bool,
    is_first: bool,
) -> int:
    handler = make_handler(settings, to_terminal=to_terminal)
    with logging_to(handler, threshold(settings.log_level, to_terminal=to_terminal), queued=True):
        file = counters.file_of_worker()
        logging.getLogger().addHandler(CountingHandler(file))
        try:
            with json_logging(settings, to_terminal=to_terminal):
                worker.run(settings, sockets, supervisor, file, is_first=is_first)
        except MailcordonError as error:
            log.critical("worker: %s", error)
            return EXIT_DEFECT
        except Exception:
            log.exception("worker ended by a defect")
            return EXIT_DEFECT
    return 0
