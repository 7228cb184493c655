# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands and sockets asked with a time limit, and a list of what went wrong on the way."""

from __future__ import annotations

import os
import shutil
import socket

from ansible_collections.mailcordon.gateway.plugins.module_utils._commands import run_limited
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError, one_line

_SEARCH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
# spamassassin makes a directory in the home of its user, and the home itself if need be; here it cannot.
_HOME = "/dev/null"


class Inspector(object):
    """Asks a host. A part that cannot be found out becomes an entry in problems and leaves the others alone."""

    def __init__(self, timeout):
        self.timeout = timeout
        self.problems = []

    def part(self, name, look, *arguments):
        """The result of look(inspector, ...); None, and an entry in problems, when it fails."""
        try:
            return look(self, *arguments)
        except Exception as error:
            reason = str(error) if isinstance(error, (GatewayError, OSError)) else "%s: %s" % (type(error).__name__, error)
            self.problem(name, reason)
            return None

    def problem(self, name, text):
        self.problems.append({"part": name, "problem": one_line([text])})

    def program(self, name):
        """The path of a program, None when it is not installed."""
        return shutil.which(name, path=os.pathsep.join(_SEARCH))

    def output(self, command, timeout=None):
        """What a command prints, None when it is not installed. Raises GatewayError when it fails or takes too long."""
        if self.program(command[0]) is None:
            return None
        code, output = self.run(command, timeout)
        if code != 0:
            lines = [line for line in output.splitlines() if line.strip()] or ["exit code %d" % code]
            raise GatewayError("%s failed: %s" % (os.path.basename(command[0]), one_line(lines[-1:])))
        return output

    def run(self, command, timeout=None, terminal=False):
        """(exit code, output and errors together) of a command, see run_limited."""
        limit = timeout or self.timeout
        command = [self.program(command[0]) or command[0]] + list(command[1:])
        environment = dict(os.environ, LC_ALL="C", HOME=_HOME, PATH=os.pathsep.join(_SEARCH))
        return run_limited(command, limit, environment, terminal)

    def talk(self, address, say, limit=4096):
        """What a server answers: its first bytes up to a line end, a null byte or the end. Raises OSError.

        address: the path of a unix socket, or (host, port). say: bytes to send first.
        """
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(self.timeout)
            connection.connect(address)
            if say:
                connection.sendall(say)
            answer = b""
            while len(answer) < limit and not answer.endswith((b"\n", b"\0")):
                chunk = connection.recv(limit)
                if not chunk:
                    break
                answer += chunk
        return answer.rstrip(b"\r\n\0").decode("utf-8", "replace")
