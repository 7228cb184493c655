# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be scanned: the files below a path in a fixed order, and the messages of an mbox file.

All names are octets, as the file system has them.
"""

from __future__ import annotations

import email.parser
import email.policy
import fnmatch
import os
import re
import stat
from collections import namedtuple

Options = namedtuple("Options", "recursive excludes max_size follow_symlinks one_file_system")
Options.__doc__ = """How to walk. excludes are patterns of the shell as octets; max_size is in octets, None for no limit."""

Message = namedtuple("Message", "index offset length message_id")
Message.__doc__ = """One message of an mbox file. index counts from 1; offset and length are those of the message without
the separator line, in octets."""

# A separator as mail delivery writes it: sender and date (mbox(5)). A line of a text that begins with From lacks the date.
_SEPARATOR = re.compile(rb"From \S+ +(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ")
_MAX_HEADER = 256 * 1024

Item = namedtuple("Item", "path size message last")
Item.__doc__ = """One thing to scan: a file, or one message of an mbox file. last: nothing more follows from this file."""

Skipped = namedtuple("Skipped", "reason")
Skipped.__doc__ = """Something that is left out, with one of SKIPPED as the reason."""

Failed = namedtuple("Failed", "path reason")
Failed.__doc__ = """A path that cannot be read."""

SKIPPED = ("special", "symlinks", "excluded", "too_large", "directories", "other_file_systems")


def items(root, options, mbox=False, after=None):
    """Yield Item, Skipped and Failed for all at and below root, in an order that never changes.

    mbox: split mbox files into their messages. after: the path of the last Item of an earlier call; goes on behind it.
    """
    for event in _walk(root, options, after):
        split = isinstance(event, Item) and mbox
        yield from _messages_of(event) if split else (event,)


def _walk(root, options, after):
    try:
        # The path itself may be a symbolic link, as /var/spool/mail is one on Debian.
        status = os.stat(root)
    except OSError as error:
        yield Failed(root, error.strerror)
        return
    if stat.S_ISDIR(status.st_mode):
        rest = None if after is None else os.path.relpath(after, root).split(b"/")
        yield from _directory(root, options, ((status.st_dev, status.st_ino),), rest)
    elif after is None:
        yield _file(root, options, status)


def _directory(directory, options, parents, rest):
    """parents: device and inode of the directory and those above it. rest: see _entry."""
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        yield Failed(directory, error.strerror)
        return
    for name in names:
        below = None
        if rest is not None:
            if name < rest[0] or (name == rest[0] and len(rest) == 1):
                continue
            if name == rest[0]:
                below = rest[1:]
        yield from _entry(os.path.join(directory, name), options, parents, below)


def _entry(path, options, parents, rest):
    """One name in a directory. rest: the names below it at which an earlier call stopped, None when it was not here."""
    if _excluded(path, options):
        yield Skipped("excluded")
        return
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            if not options.follow_symlinks:
                yield Skipped("symlinks")
                return
            status = os.stat(path)
    except FileNotFoundError:
        # Gone since the directory was read, as it is usual in a spool; or a link to nowhere.
        if os.path.islink(path):
            yield Skipped("symlinks")
        return
    except OSError as error:
        yield Failed(path, error.strerror)
        return
    if not stat.S_ISDIR(status.st_mode):
        yield _file(path, options, status)
    elif not options.recursive:
        yield Skipped("directories")
    elif (status.st_dev, status.st_ino) in parents:
        yield Skipped("symlinks")
    elif options.one_file_system and status.st_dev != parents[0][0]:
        yield Skipped("other_file_systems")
    else:
        yield from _directory(path, options, parents + ((status.st_dev, status.st_ino),), rest)


def _file(path, options, status):
    if not stat.S_ISREG(status.st_mode):
        return Skipped("special")
    if options.max_size is not None and status.st_size > options.max_size:
        return Skipped("too_large")
    return Item(path, status.st_size, None, True)


def _excluded(path, options):
    """A pattern with a slash means the whole path, one without the last name."""
    name = os.path.basename(path)
    return any(fnmatch.fnmatchcase(path if b"/" in item else name, item) for item in options.excludes)


def _messages_of(item):
    """The messages of an mbox file; any other file as it is."""
    try:
        with open(item.path, "rb") as stream:
            if not is_mbox(stream):
                yield item
                return
            pending = None
            for message in messages(stream):
                if pending is not None:
                    yield pending
                pending = Item(item.path, message.length, message, False)
            yield pending._replace(last=True)
    except OSError as error:
        yield Failed(item.path, error.strerror)


def is_mbox(stream):
    """Whether a binary file begins as an mbox file."""
    stream.seek(0)
    return _SEPARATOR.match(stream.readline(1024)) is not None


def messages(stream):
    """The messages of an mbox file that is open in binary mode, as mail delivery separates them.

    A separator stands at the start of the file or after an empty line.
    """
    stream.seek(0)
    begin = None
    position = 0
    index = 0
    empty = True
    long_line = False
    # A line longer than this comes in pieces; the following ones are no line starts.
    for line in iter(lambda: stream.readline(1024 * 1024), b""):
        if empty and not long_line and _SEPARATOR.match(line):
            if begin is not None:
                index += 1
                yield _message(stream, index, begin, position)
            begin = position + len(line)
        position += len(line)
        empty = line in (b"\n", b"\r\n")
        long_line = not line.endswith(b"\n")
    if begin is not None:
        yield _message(stream, index + 1, begin, position)


def _message(stream, index, begin, end):
    here = stream.tell()
    stream.seek(begin)
    header = stream.read(min(end - begin, _MAX_HEADER))
    stream.seek(here)
    return Message(index, begin, end - begin, _message_id(header))


def _message_id(octets):
    """The Message-ID of a message, empty when it has none."""
    header = octets.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    fields = email.parser.BytesHeaderParser(policy=email.policy.compat32).parsebytes(header)
    value = " ".join(str(fields.get("Message-ID", "")).split())
    return "".join(char if char.isprintable() else "?" for char in value)


class Part(object):
    """A part of an open binary file as a stream of its own."""

    def __init__(self, stream, offset, length):
        self._stream = stream
        self._left = length
        stream.seek(offset)

    def read(self, size):
        """Up to size octets, none at the end of the part."""
        octets = self._stream.read(min(size, self._left))
        self._left -= len(octets)
        return octets
