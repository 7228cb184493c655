"""Listening unix sockets: their files come and go with them."""

import errno
import grp
import os
import socket
import stat
from pathlib import Path

from mailcordon.errors import StartupError

_NOBODY_THERE = frozenset({errno.ECONNREFUSED, errno.ENOENT})


class UnixListener:
    """Owns a listening socket and its file."""

    def __init__(self, path: Path, mode: int, backlog: int, group: str | None = None) -> None:
        """Takes the place of a socket that nobody listens on any more. `group`: our own unless given.

        Raises StartupError.
        """
        self._path = path
        try:
            _remove_abandoned(path)
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
            try:
                self.socket.bind(str(path))
                self._file = _identity(path)
                self._first_group = path.lstat().st_gid
                # Nobody gets in before `listen`.
                if group:
                    _give_to(path, group)
                path.chmod(mode)
                self.socket.listen(backlog)
            except (OSError, StartupError):
                self.socket.close()
                raise
        except OSError as error:
            raise StartupError(f"cannot listen on {path}: {error.strerror}; see unix_socketname") from None

    def allow(self, mode: int, group: str | None = None) -> None:
        """Change mode and group of the file. Raises StartupError."""
        try:
            if group:
                _give_to(self._path, group)
            elif self._path.lstat().st_gid != self._first_group:
                os.chown(self._path, -1, self._first_group)
            self._path.chmod(mode)
        except OSError as error:
            raise StartupError(f"{self._path}: cannot set unix_socket_mode: {error.strerror}") from None

    def close(self) -> None:
        """Stop listening. The file goes, unless another daemon has put its own in this place."""
        self.socket.close()
        try:
            if _identity(self._path) == self._file:
                self._path.unlink()
        except OSError:
            return


def _remove_abandoned(path: Path) -> None:
    """Raises OSError when the path is in use by a living server or by something else than a socket."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "there is a file that is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        if probe.connect_ex(str(path)) not in _NOBODY_THERE:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    path.unlink(missing_ok=True)


def _give_to(path: Path, group: str) -> None:
    """Raises StartupError when there is no such group, or when we are no member of it, and OSError."""
    try:
        number = grp.getgrnam(group).gr_gid
    except KeyError:
        raise StartupError(f"unix_socket_group: there is no group {group}, to which {path} is to belong") from None
    if path.lstat().st_gid == number:
        return
    try:
        os.chown(path, -1, number)
    except PermissionError:
        raise StartupError(
            f"unix_socket_group: {path} cannot be given to the group {group}; is the daemon's account a member of it?"
        ) from None


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino
