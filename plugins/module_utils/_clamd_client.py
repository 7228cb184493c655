# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client of clamd on its unix socket (clamd(8), section COMMANDS).

Files go over as descriptors (FILDES), so that clamd needs no right to read them; data goes over as a stream (INSTREAM).
"""

from __future__ import annotations

import array
import re
import socket
import struct
from collections import namedtuple

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

CLEAN = "clean"
INFECTED = "infected"
ERROR = "error"

Verdict = namedtuple("Verdict", "kind text")
Verdict.__doc__ = """What became of one scan. kind: CLEAN, INFECTED (text: the signature) or ERROR (text: the reason)."""

Version = namedtuple("Version", "engine signatures built")
Version.__doc__ = """The answer to VERSION; signatures and built (text) are None as long as no daily database is loaded."""

_CHUNK = 256 * 1024
_MAX_REPLY = 64 * 1024
# What ExtendedDetectionInfo adds to a name: the digest and the size of what was found.
_DETECTION_INFO = re.compile(r"\([0-9a-f]{32,64}:\d+\)$")
# In the form of a detection clamd tells what it did not look into; that is no virus, and no clean file (features 2.76).
_NOT_SCANNED = ("Heuristics.Limits.Exceeded", "Heuristics.Encrypted")


class ClamdUnavailableError(GatewayError):
    """clamd cannot be reached or does not answer."""


class Clamd(object):
    """clamd behind a unix socket. Every command has a connection of its own. timeout: seconds to wait for an answer."""

    def __init__(self, path, timeout=300):
        self.path = path
        self.timeout = timeout

    def is_running(self):
        """Whether clamd answers PING."""
        try:
            return self.command("PING") == "PONG"
        except ClamdUnavailableError:
            return False

    def version(self):
        """Engine and daily database. Raises ClamdUnavailableError."""
        return parse_version(self.command("VERSION"))

    def command(self, word):
        """The answer to a command without arguments. Raises ClamdUnavailableError."""
        return self._ask(lambda connection: connection.sendall(b"z" + word.encode("ascii") + b"\0"))

    def scan_descriptor(self, descriptor):
        """Have an open file scanned from its start. Raises ClamdUnavailableError."""

        def send(connection):
            rights = array.array("i", [descriptor])
            # The NUL behind the command is the octet that carries the descriptor.
            connection.sendmsg([b"zFILDES\0\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

        return parse_verdict(self._ask(send))

    def scan_stream(self, stream):
        """Have all that can be read from a binary stream scanned. Raises ClamdUnavailableError."""

        def send(connection):
            try:
                connection.sendall(b"zINSTREAM\0")
                for chunk in iter(lambda: stream.read(_CHUNK), b""):
                    connection.sendall(struct.pack("!L", len(chunk)) + chunk)
                connection.sendall(struct.pack("!L", 0))
            except (BrokenPipeError, ConnectionResetError):
                pass  # clamd says why before it hangs up, and the answer is read next

        return parse_verdict(self._ask(send))

    def _ask(self, send):
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self.timeout)
                connection.connect(self.path)
                send(connection)
                return self._read(connection)
        except socket.timeout:
            raise ClamdUnavailableError("clamd at %s gave no answer within %d s" % (self.path, self.timeout))
        except OSError as error:
            raise ClamdUnavailableError("clamd at %s cannot be asked: %s" % (self.path, error.strerror or error))

    def _read(self, connection):
        answer = b""
        while not answer.endswith(b"\0") and len(answer) < _MAX_REPLY:
            octets = connection.recv(4096)
            if not octets:
                break
            answer += octets
        if not answer:
            raise ClamdUnavailableError("clamd at %s hung up without an answer" % self.path)
        return printable(answer.rstrip(b"\0\n"))


def parse_verdict(answer):
    """Read C(fd[10]: OK), C(stream: NAME FOUND) and every kind of complaint."""
    if answer == "INSTREAM size limit exceeded. ERROR":
        return Verdict(ERROR, "not scanned, larger than StreamMaxLength of clamd")
    dummy_what, dummy_colon, result = answer.partition(": ")
    if result == "OK":
        return Verdict(CLEAN, "")
    if result.endswith(" FOUND"):
        return judge_name(result[: -len(" FOUND")])
    return Verdict(ERROR, "clamd says %s" % answer)


def judge_name(name):
    """The verdict on what a scanner calls found."""
    name = _DETECTION_INFO.sub("", name)
    if name.startswith(_NOT_SCANNED):
        return Verdict(ERROR, "not scanned in full: %s" % name)
    return Verdict(INFECTED, name)


def parse_version(answer):
    """Read C(ClamAV 1.4.3/27800/Fri Nov 20 10:00:00 2026), or C(ClamAV 1.4.3) without a daily database."""
    parts = answer.split("/", 2)
    engine = parts[0].replace("ClamAV ", "", 1).strip()
    if len(parts) < 3 or not parts[1].isdigit():
        return Version(engine, None, None)
    return Version(engine, int(parts[1]), parts[2].strip())


def printable(octets):
    """Text from octets of unknown encoding, safe to show."""
    text = octets.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else "?" for char in text)
