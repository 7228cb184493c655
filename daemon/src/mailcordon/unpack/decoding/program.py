"""Programs that open what no library can: started without a shell, watched, and ended in time.

They are confined by what they inherit from the decoder process: its limits, its process group, by which whatever they
start is ended with the job, and its PATH. What is kept here are the limits of the message.
"""

import os
import selectors
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Self

from mailcordon.errors import CannotDecodeError
from mailcordon.unpack.decoding.sink import Budget

_CHUNK = 64 * 1024
_COMPLAINT_LIMIT = 4096
_WATCH_INTERVAL = 0.05


def find_program(names: Sequence[str]) -> str | None:
    """Path of the first of `names` that is found in PATH (features 5.06, 5.07)."""
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def scratch_directory(parent: Path) -> Iterator[Path]:
    """An empty directory that is gone afterwards, with all that a program has left in it."""
    path = Path(tempfile.mkdtemp(prefix="x", dir=parent))
    try:
        yield path
    finally:
        # Archives may hold directories that nobody may write to.
        for _ in walk_opened(path):
            pass
        shutil.rmtree(path)


def walk_opened(directory: Path) -> Iterator[os.DirEntry[str]]:
    """All below `directory`, directories before what is in them; links are not followed, permissions made to fit."""
    stack = [str(directory)]
    while stack:
        path = stack.pop()
        os.chmod(path, 0o700)
        with os.scandir(path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
                yield entry


class Program:
    """A program that runs; a context manager, after which it is gone."""

    def __init__(
        self, arguments: Sequence[str], directory: Path, budget: Budget, *, source: Path | None = None
    ) -> None:
        """`directory` is its working directory, home and place for temporary files; `source` its standard input.

        Raises CannotDecodeError.
        """
        self._budget = budget
        self._directory = directory
        self._name = os.path.basename(arguments[0])
        self._complaint = b""
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C.UTF-8",
            "HOME": str(directory),
            "TMPDIR": str(directory),
        }
        try:
            with open(source, "rb") if source else nullcontext(subprocess.PIPE) as stdin:
                self._process = subprocess.Popen(  # noqa: S603 - no shell, a program found by us
                    arguments,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=directory,
                    env=environment,
                )
        except OSError as error:
            raise CannotDecodeError(f"{self._name} cannot be started: {error.strerror}") from error
        if self._process.stdin is not None:
            self._process.stdin.close()  # whatever it asks, there is no answer
        self._stdout, self._stderr = _pipes(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._stdout.close()
        self._stderr.close()

    def stop(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    @property
    def status(self) -> int:
        """Exit status once `output` has come to its end; negative for a signal."""
        return self._process.wait()

    @property
    def complaint(self) -> str:
        """The beginning of what it wrote to standard error, as one line."""
        text = self._complaint.decode("utf-8", "replace")
        return " ".join("".join(character if character.isprintable() else " " for character in text).split())

    def output(self, *, watched: Path | None = None) -> Iterator[bytes]:
        """What it writes to standard output, until its end.

        The time limit holds, and what lies below `watched` may not get larger or more than the message may still have.
        Raises LimitReachedError.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            selector.register(self._stderr, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(min(_WATCH_INTERVAL, max(self._budget.seconds_left, 0.001)))
                self._budget.check_time()
                if watched is not None:
                    _check_directory(watched, self._budget)
                for key, _ in ready:
                    octets = os.read(key.fd, _CHUNK)
                    if not octets:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self._stdout:
                        yield octets
                    else:
                        self._complaint = (self._complaint + octets)[:_COMPLAINT_LIMIT]
        self._await_end()
        if watched is not None:
            _check_directory(watched, self._budget)

    def run(self, watched: Path) -> int:
        """Let it run to its end without looking at its output; its exit status. Raises LimitReachedError."""
        for _ in self.output(watched=watched):
            pass
        return self.status

    def _await_end(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self._budget.seconds_left)
        self._budget.check_time()
        if self._process.returncode == -signal.SIGXFSZ:
            self._budget.check(octets=self._budget.octets_left + 1)


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdout is None or process.stderr is None:
        raise AssertionError("both are pipes")
    return process.stdout, process.stderr


def _check_directory(directory: Path, budget: Budget) -> None:
    """Raises LimitReachedError when more lies there than may still be unpacked."""
    files = octets = 0
    stack = [str(directory)]
    while stack:
        with suppress(OSError), os.scandir(stack.pop()) as entries:  # it may be gone again
            for entry in entries:
                files += 1
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
                else:
                    with suppress(OSError):
                        octets += entry.stat(follow_symlinks=False).st_size
        budget.check(files, octets)
