# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions to a host: bounded in time, and one that fails leaves the others alone."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError
from ansible_collections.mailcordon.gateway.plugins.module_utils._inspector import Inspector


@pytest.fixture
def inspector():
    return Inspector(timeout=5)


@pytest.mark.parametrize("terminal", [False, True])
def test_output_and_exit_code(inspector, terminal):
    code, output = inspector.run(["sh", "-c", "echo out; echo err >&2; exit 3"], terminal=terminal)
    assert (code, sorted(output.splitlines())) == (3, ["err", "out"])


@pytest.mark.parametrize("terminal", [False, True])
def test_a_command_that_hangs_is_ended_with_its_children(terminal):
    started = time.monotonic()
    with pytest.raises(GatewayError, match="sh took more than 1 s"):
        Inspector(timeout=1).run(["sh", "-c", "sleep 30 & sleep 30"], terminal=terminal)
    assert time.monotonic() - started < 10


def test_a_command_reads_nothing_and_has_no_home(inspector):
    assert inspector.output(["sh", "-c", "cat; echo $HOME $LC_ALL"]) == "/dev/null C\n"


def test_a_failed_command_tells_its_last_line(inspector):
    with pytest.raises(GatewayError, match="sh failed: no space left"):
        inspector.output(["sh", "-c", "echo trying; echo no space  left; exit 1"])
    with pytest.raises(GatewayError, match="sh failed: exit code 2"):
        inspector.output(["sh", "-c", "exit 2"])


def test_a_command_that_is_not_installed_is_no_problem(inspector):
    assert inspector.output(["no-such-command-anywhere"]) is None
    assert inspector.problems == []


def test_a_part_that_breaks_is_told_and_the_next_one_runs(inspector):
    def broken(dummy):
        raise ValueError("not a\n number")

    assert inspector.part("first", broken) is None
    assert inspector.part("second", lambda dummy, value: value, 7) == 7
    assert inspector.problems == [{"part": "first", "problem": "ValueError: not a number"}]


@pytest.fixture
def server(tmp_path):
    """A function that starts a server on a unix socket which sends the given pieces, and returns its path."""
    sockets = []

    def start(*pieces):
        listener = socket.socket(socket.AF_UNIX)
        path = str(tmp_path / "socket")
        listener.bind(path)
        listener.listen(1)
        sockets.append(listener)

        def serve():
            connection = listener.accept()[0]
            sockets.append(connection)
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.1)

        threading.Thread(target=serve, daemon=True).start()
        return path

    yield start
    for each in sockets:
        each.close()


def test_an_answer_in_pieces(inspector, server):
    assert inspector.talk(server(b"PO", b"NG\0"), b"zPING\0") == "PONG"


def test_a_server_that_says_nothing(server):
    with pytest.raises(OSError):
        Inspector(timeout=1).talk(server(), b"")
