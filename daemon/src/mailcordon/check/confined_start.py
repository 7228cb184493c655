"""Becomes another program, confined: `python -I -S confined_start.py SECONDS PROGRAM [ARGUMENT...]`.

A file of its own that needs nothing but the standard library: it runs between fork and exec, where the daemon itself, a
process with threads, must not do anything. What it sets cannot be taken back by the program: no new privileges, limits
of processor time, core dumps and size of files, and its end when the mail worker ends.
"""

import ctypes
import os
import resource
import signal
import sys

MAX_FILE_SIZE = 4 * 1024**3
"""Octets of a file that the program writes."""
STATUS_NOT_STARTED = 126
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def main() -> None:
    """Never returns."""
    seconds, program = int(sys.argv[1]), sys.argv[2]
    try:
        _lower(resource.RLIMIT_CPU, seconds)
        _lower(resource.RLIMIT_CORE, 0)
        _lower(resource.RLIMIT_FSIZE, MAX_FILE_SIZE)
        _control(_PR_SET_NO_NEW_PRIVS, 1)
        _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # Python ignores these signals, and a program inherits what is ignored.
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored, signal.SIG_DFL)
        os.execv(program, sys.argv[2:])  # noqa: S606 - no shell is what is wanted
    except OSError as error:
        sys.stderr.write(f"cannot be started: {error.strerror}\n")
    sys.exit(STATUS_NOT_STARTED)


def _control(option: int, value: int) -> None:
    """prctl(2). OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _lower(kind: int, value: int) -> None:
    """Set a limit, where it is not lower already."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    main()
