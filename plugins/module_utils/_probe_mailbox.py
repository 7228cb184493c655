# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mailbox that probe mails are delivered to, an mbox file or a Maildir, and the quarantine."""

from __future__ import annotations

import contextlib
import email.parser
import fcntl
import gzip
import os
import re
import time

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

_MESSAGE_START = re.compile(rb"(?:\A|(?<=\n\n))From [^\n]*\n")
_SHOWN_FIELDS = re.compile(r"X-(Virus-Scanned|Spam-|Amavis-|Quarantine-ID)", re.I)
_LOCK_PATIENCE = 10


def open_mailbox(path):
    """The mailbox at path as it is now, so that only later mails are looked at.

    A directory, or a path that ends in a slash, is a Maildir; anything else an mbox file. It may not exist yet.
    """
    if path.endswith("/") or os.path.isdir(path):
        return Maildir(path.rstrip("/"))
    return Mbox(path)


def shown_fields(message):
    """The header fields that tell what the filter did, of a message in bytes."""
    header = email.parser.BytesHeaderParser().parsebytes(message)
    return {name: " ".join(str(value).split()) for name, value in header.items() if _SHOWN_FIELDS.match(name)}


class Maildir(object):
    """Mails as files in new/ and cur/."""

    def __init__(self, path):
        self.path = path
        self._seen = set(self._files())
        self._texts = {}

    def find(self, token):
        """The message that carries the token, with LF line ends, or None."""
        for path in self._files():
            if path not in self._seen:
                self._seen.add(path)
                with contextlib.suppress(FileNotFoundError), open(path, "rb") as handle:
                    self._texts[path] = handle.read()
        found = [text for text in self._texts.values() if token.encode("ascii") in text]
        return found[0].replace(b"\r\n", b"\n") if found else None

    def remove(self, tokens):
        """Remove the mails that carry one of the tokens."""
        for path, text in self._texts.items():
            if any(token.encode("ascii") in text for token in tokens):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

    def _files(self):
        files = []
        for folder in ("new", "cur"):
            directory = os.path.join(self.path, folder)
            try:
                files.extend(os.path.join(directory, name) for name in os.listdir(directory))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise GatewayError("cannot read the mailbox %s: %s" % (self.path, error.strerror))
        return files


class Mbox(object):
    """Mails in one file, each after a line that starts with From and a blank (RFC 4155)."""

    def __init__(self, path):
        self.path = path
        self._start = os.path.getsize(path) if os.path.exists(path) else 0

    def find(self, token):
        """The message that carries the token, or None."""
        try:
            with open(self.path, "rb") as handle:
                # A delivery that is under way is awaited, so that no half mail is judged.
                fcntl.lockf(handle, fcntl.LOCK_SH)
                if os.fstat(handle.fileno()).st_size < self._start:
                    self._start = 0
                handle.seek(self._start)
                data = handle.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise GatewayError("cannot read the mailbox %s: %s" % (self.path, error.strerror))
        for _dummy, text in _messages(data):
            if token.encode("ascii") in text:
                return text
        return None

    def remove(self, tokens):
        """Remove the mails that carry one of the tokens; all others keep every byte."""
        wanted = [token.encode("ascii") for token in tokens]
        if not wanted or not os.path.exists(self.path):
            return
        with _dot_lock(self.path), open(self.path, "r+b") as handle:
            fcntl.lockf(handle, fcntl.LOCK_EX)
            data = handle.read()
            kept = b""
            position = 0
            for (start, end), text in _messages(data):
                if any(token in text for token in wanted):
                    kept += data[position:start]
                    position = end
            kept += data[position:]
            handle.seek(0)
            handle.write(kept)
            handle.truncate()


def quarantined(directory, location, token):
    """The path of the quarantined copy below the directory that carries the token, or None (contracts B10.08)."""
    root = os.path.realpath(directory)
    path = os.path.realpath(os.path.join(root, location))
    if not path.startswith(root + os.sep):
        return None
    try:
        opened = gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb")
        with opened as handle:
            return path if token.encode("ascii") in handle.read() else None
    except (OSError, EOFError):
        return None


def _messages(data):
    """((start, end), message) for each mail in the bytes of an mbox."""
    starts = list(_MESSAGE_START.finditer(data))
    for number, match in enumerate(starts):
        end = starts[number + 1].start() if number + 1 < len(starts) else len(data)
        text = data[match.end():end]
        # The empty line behind a mail belongs to the format, not to the mail.
        yield (match.start(), end), text[:-1] if text.endswith(b"\n\n") else text


@contextlib.contextmanager
def _dot_lock(path):
    """The lock file that mail programs respect beside the lock of the kernel."""
    lock = path + ".lock"
    give_up = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > give_up:
                raise GatewayError("the mailbox is locked by %s; remove it when no mail program uses it" % lock)
            time.sleep(0.2)
    try:
        yield
    finally:
        os.unlink(lock)
