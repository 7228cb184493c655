# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures: run a module in this process, and a real SMTP server whose replies a test sets."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading

import pytest

from ansible.module_utils import basic

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:  # ansible-core 2.18

    @contextlib.contextmanager
    def patch_module_args(arguments):
        """Hands a module its arguments as the controller does."""
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        yield
        basic._ANSIBLE_ARGS = None


@pytest.fixture
def run_module(capsys):
    """A function that runs a module's main() with arguments and returns its result."""

    def run(main, **arguments):
        with patch_module_args(arguments), pytest.raises(SystemExit):
            main()
        return json.loads(capsys.readouterr().out)

    return run


class _Session(socketserver.StreamRequestHandler):
    def handle(self):
        self._say(self.server.replies.get("greeting", "220 test ESMTP"))
        for line in self.rfile:
            verb = line.split()[0].upper().decode("ascii")
            if verb == "QUIT":
                break
            if verb in ("EHLO", "LHLO"):
                self.server.hello = verb
            self._say(self.server.replies.get(verb, "354 go on" if verb == "DATA" else "250 2.0.0 Ok"))
            if verb == "DATA" and verb not in self.server.replies:
                self._take_mail()

    def _take_mail(self):
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        mail = b"".join(lines)
        self.server.mails.append(mail)
        answer = self.server.replies.get("end", "250 2.0.0 Ok: queued as 4ABC")
        self._say(answer(mail) if callable(answer) else answer)

    def _say(self, text):
        if text is None:
            self.connection.close()
            raise ConnectionAbortedError
        self.wfile.write(text.encode("ascii") + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    """A mail server on 127.0.0.1. replies: by verb, greeting or end (of the data); None breaks the connection."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Session)
        self.replies = {}
        self.mails = []
        self.hello = None

    @property
    def port(self):
        return self.server_address[1]

    def handle_error(self, request, client_address):
        pass


@pytest.fixture
def smtp_server():
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
