# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command with a time limit, on a terminal where it tells its errors nowhere else."""

from __future__ import annotations

import errno
import os
import pty
import select
import signal
import subprocess
import time

from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

_OUTPUT_LIMIT = 64 * 1024 * 1024


def run_limited(command, limit, environment, terminal=False):
    """(exit code, output and errors together) of a command that reads nothing.

    Raises GatewayError when it takes longer than limit seconds; it and its children are killed then.

    terminal: the commands of Postfix tell their errors only to a terminal and to the mail log.
    """
    reader, writer = pty.openpty() if terminal else os.pipe()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            env=environment,
            start_new_session=True,
        )
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    try:
        output = _read_all(reader, time.monotonic() + limit)
        code = process.wait(timeout=limit)
    except (_TooLongError, subprocess.TimeoutExpired):
        raise GatewayError("%s took more than %d s" % (os.path.basename(command[0]), limit))
    finally:
        os.close(reader)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return code, output.decode("utf-8", "replace").replace("\r\n", "\n")


class _TooLongError(Exception):
    pass


def _read_all(reader, deadline):
    chunks = []
    size = 0
    while size <= _OUTPUT_LIMIT:
        ready = select.select([reader], [], [], max(0, deadline - time.monotonic()))[0]
        if not ready:
            raise _TooLongError
        try:
            chunk = os.read(reader, 65536)
        except OSError as error:
            # Linux answers EIO when the last process has closed the terminal.
            if error.errno != errno.EIO:
                raise
            chunk = b""
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)
