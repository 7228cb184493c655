# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory of the signatures: what lies there, its owner and modes, changes that can be taken back.

The directory belongs to an account without privileges while this code runs as root. So files are changed through
descriptors of regular files with one name only; a symbolic or hard link that lies there leads nowhere.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import stat
import tempfile

from ansible_collections.mailcordon.gateway.plugins.module_utils import _signatures as signatures
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

DIRECTORY_MODE = 0o755
FILE_MODE = 0o644
# libclamav goes by the extension, even of hidden files: it loads none without one, and none with this one.
_OURS = ".mailcordon-"
_KEPT = "~"


class Store(object):
    """A directory of signatures. owner and group are names."""

    def __init__(self, path, owner, group):
        self.path = path
        self.owner = owner
        self.group = group
        self._undo = []

    def installed(self):
        """The signature files by name, empty when there is no directory. Raises GatewayError when one is unreadable."""
        found = {}
        for name in self._names():
            path = self.file(name)
            try:
                if stat.S_ISREG(os.lstat(path).st_mode):
                    found[name] = signatures.read_file(path)
            except OSError as error:
                raise GatewayError("cannot read %s: %s" % (path, error.strerror))
        return found

    def file(self, name):
        """The path of a file."""
        return os.path.join(self.path, name)

    def wrong_attributes(self):
        """Paths whose owner, group or mode is not what clamd needs (features 2.03). Raises GatewayError."""
        if not os.path.isdir(self.path):
            return []
        uid, gid = self._ids()
        wrong = []
        if _differs(os.stat(self.path), uid, gid, DIRECTORY_MODE):
            wrong.append(self.path)
        for name in self._names():
            status = os.lstat(self.file(name))
            if stat.S_ISREG(status.st_mode) and _differs(status, uid, gid, FILE_MODE):
                wrong.append(self.file(name))
        return wrong

    def correct_attributes(self, paths):
        """Give those paths the right owner, group and mode. Raises GatewayError."""
        uid, gid = self._ids()
        for path in paths:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    status = os.fstat(descriptor)
                    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
                        raise GatewayError("%s has a second name (hard link); remove one of them" % path)
                    os.fchown(descriptor, uid, gid)
                    os.fchmod(descriptor, DIRECTORY_MODE if stat.S_ISDIR(status.st_mode) else FILE_MODE)
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise GatewayError("cannot set owner and mode of %s: %s" % (path, error.strerror))

    @contextlib.contextmanager
    def transaction(self):
        """Changes made inside are taken back when an exception leaves the block."""
        try:
            self._make_directory()
            self._remove_leftovers()
            yield self
        except BaseException:
            while self._undo:
                self._undo.pop()()
            raise
        finally:
            self._undo = []
            self._remove_leftovers()

    def put(self, name, source):
        """Install a copy of the file source under this name; readers see the old file or the new one."""
        with open(source, "rb") as stream:
            self._put(name, stream)

    def put_text(self, name, text):
        """Install a file with this text."""
        with tempfile.TemporaryFile() as stream:
            stream.write(text.encode("utf-8"))
            stream.seek(0)
            self._put(name, stream)

    def remove(self, name):
        """Remove a file."""
        kept = self._keep(name)
        os.unlink(self.file(name))
        self._undo.append(lambda: os.rename(kept, self.file(name)))

    def _put(self, name, stream):
        uid, gid = self._ids()
        descriptor, temporary = tempfile.mkstemp(prefix=_OURS, dir=self.path)
        with os.fdopen(descriptor, "wb") as handle:
            shutil.copyfileobj(stream, handle, 1024 * 1024)
            handle.flush()
            os.fchown(handle.fileno(), uid, gid)
            os.fchmod(handle.fileno(), FILE_MODE)
            os.fsync(handle.fileno())
        kept = self._keep(name)
        os.rename(temporary, self.file(name))
        if kept:
            self._undo.append(lambda: os.rename(kept, self.file(name)))
        else:
            self._undo.append(lambda: os.unlink(self.file(name)))

    def _keep(self, name):
        """Give the present file a second name, under which it can come back. None when there is no such file."""
        if not os.path.lexists(self.file(name)):
            return None
        kept = os.path.join(self.path, _OURS + name + _KEPT)
        os.link(self.file(name), kept, follow_symlinks=False)
        return kept

    def _make_directory(self):
        if not os.path.isdir(self.path):
            os.makedirs(self.path, DIRECTORY_MODE)
            self.correct_attributes([self.path])

    def _remove_leftovers(self):
        if os.path.isdir(self.path):
            for name in os.listdir(self.path):
                if name.startswith(_OURS):
                    with contextlib.suppress(OSError):
                        os.unlink(self.file(name))

    def _names(self):
        try:
            return sorted(name for name in os.listdir(self.path) if signatures.is_signature_file(name))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise GatewayError("cannot read %s: %s" % (self.path, error.strerror))

    def _ids(self):
        try:
            return pwd.getpwnam(self.owner).pw_uid, grp.getgrnam(self.group).gr_gid
        except KeyError:
            raise GatewayError(
                "there is no account %s with a group %s for %s; install ClamAV first or set owner and group"
                % (self.owner, self.group, self.path)
            )


def _differs(status, uid, gid, mode):
    return (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) != (uid, gid, mode)
