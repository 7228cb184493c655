"""The account that the daemon runs as, and what it may do to files."""

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from mailcordon.errors import StartupError


@dataclass(frozen=True, slots=True)
class Account:
    """A user with his groups."""

    name: str
    uid: int
    gid: int
    groups: frozenset[int]
    """All his groups, the first one included."""
    home: str
    """His directory, which need not exist."""

    @classmethod
    def named(cls, name: str) -> "Account":
        """Raises StartupError when there is no such account."""
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise StartupError(f"--user: there is no account {name!r}") from None
        return cls(name, entry.pw_uid, entry.pw_gid, frozenset(os.getgrouplist(name, entry.pw_gid)), entry.pw_dir)

    @classmethod
    def own(cls) -> "Account":
        """The one that this process runs as; it need not have a name."""
        uid, gid = os.geteuid(), os.getegid()
        try:
            entry = pwd.getpwuid(uid)
            name, home = entry.pw_name, entry.pw_dir
        except KeyError:
            name, home = str(uid), "/"
        return cls(name, uid, gid, frozenset((gid, *os.getgroups())), home)

    @property
    def group_name(self) -> str:
        """Name of the first group, or its number."""
        try:
            return grp.getgrgid(self.gid).gr_name
        except KeyError:
            return str(self.gid)

    @property
    def is_root(self) -> bool:
        """Whether permissions mean nothing to it."""
        return self.uid == 0

    def may(self, wanted: int, path: Path) -> bool:
        """`wanted` as for os.access: by owner and mode, asked of the system where it is our own account.

        Raises OSError when `path` cannot be looked at.
        """
        status = path.stat()
        if self.is_root:
            return True
        if self.uid == os.geteuid():
            return os.access(path, wanted)
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid in self.groups else 0
        return (status.st_mode >> shift) & wanted == wanted

    def may_change(self, path: Path) -> bool:
        """Whether it may write, or make itself able to: an owner can always change the mode."""
        try:
            return self.may(os.W_OK, path) or path.stat().st_uid == self.uid
        except OSError:
            return False
