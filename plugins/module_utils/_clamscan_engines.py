# -*- coding: utf-8 -*-
# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two ways to have something scanned: clamd, and the program clamscan, which loads all signatures by itself."""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time

from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamd_client as client
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamscan_files import Item, Part
from ansible_collections.mailcordon.gateway.plugins.module_utils._errors import GatewayError

_RETRY_SECONDS = 20
# So many names at most in one list for clamscan.
_BATCH = 20000


class ClamdEngine(object):
    """Scans through a running clamd."""

    name = "clamd"

    def __init__(self, clamd, follow_symlinks=False):
        self.clamd = clamd
        # A file may be exchanged for a link between the look at it and the scan.
        self._flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        if not follow_symlinks:
            self._flags |= os.O_NOFOLLOW

    def version(self):
        """Engine and daily database."""
        return self.clamd.version()

    def scan_stream(self, stream):
        """The verdict on a binary stream (features 3.05)."""
        return self.clamd.scan_stream(stream)

    def scan(self, events):
        """Yield (event, verdict) for each event of _clamscan_files.items(), in order; only an Item has a verdict.

        Raises GatewayError when clamd is gone for good.
        """
        for event in events:
            yield event, self._scan(event) if isinstance(event, Item) else None

    def _scan(self, item):
        try:
            descriptor = os.open(item.path, self._flags)
        except OSError as error:
            return client.Verdict(client.ERROR, error.strerror)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return client.Verdict(client.ERROR, "was exchanged for something else while the scan ran")
            deadline = time.monotonic() + _RETRY_SECONDS
            while True:
                try:
                    if item.message is None:
                        return self.clamd.scan_descriptor(descriptor)
                    return self.clamd.scan_stream(Part(stream, item.message.offset, item.message.length))
                except client.ClamdUnavailableError:
                    # It may be restarted just now.
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(1)


class ClamscanEngine(object):
    """Scans with the program clamscan. max_size, in octets, is the largest file that it scans in full.

    Each call loads all signatures anew, which takes up to a minute with the official ones.
    """

    name = "clamscan"

    def __init__(self, program, database, directory, max_size):
        self.command = [
            program,
            "--stdout",
            "--no-summary",
            "--alert-exceeds-max=yes",
            # The files of the list are ours to choose; some stand there as links in our own directory.
            "--follow-file-symlinks=2",
        ]
        if database:
            self.command.append("--database=%s" % database)
        if max_size is not None:
            self.command += ["--max-filesize=%d" % max_size, "--max-scansize=%d" % (max_size * 4)]
        self.database = database
        self.directory = directory
        self._environment = dict(os.environ, LC_ALL="C")

    def version(self):
        """Engine and daily database."""
        command = [self.command[0], "--version"] + (["--database=%s" % self.database] if self.database else [])
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, env=self._environment)
        return client.parse_version(client.printable(done.stdout.strip()))

    def scan_stream(self, stream):
        """The verdict on a binary stream (features 3.05)."""
        with tempfile.TemporaryFile(dir=self.directory) as standard_input:
            shutil.copyfileobj(stream, standard_input)
            standard_input.seek(0)
            done = subprocess.run(
                self.command + ["-"], stdin=standard_input, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                env=self._environment,
            )
        for line in done.stdout.splitlines():
            found = parse_line(line)
            if found:
                return found[1]
        raise GatewayError("clamscan does not scan: %s" % last_complaint(done.stderr + b"\n" + done.stdout))

    def scan(self, events):
        """Yield (event, verdict) for each event of _clamscan_files.items(), in order; only an Item has a verdict.

        Raises GatewayError when clamscan does not run.
        """
        events = iter(events)
        for batch in iter(lambda: list(itertools.islice(events, _BATCH)), []):
            work = tempfile.mkdtemp(dir=self.directory)
            try:
                yield from self._scan(batch, work)
            finally:
                shutil.rmtree(work)

    def _scan(self, batch, work):
        pending = collections.deque((event, _listed(event, index, work)) for index, event in enumerate(batch))
        listed = {path for dummy_event, path in pending if path}
        listing = os.path.join(work, "list")
        with open(listing, "wb") as handle:
            handle.write(b"".join(path + b"\n" for dummy_event, path in pending if path))
        with tempfile.TemporaryFile(dir=work) as errors:
            scanned = False
            for path, verdict in self._results(listing, errors) if listed else ():
                if path not in listed:
                    continue
                scanned = True
                listed.remove(path)
                while pending[0][1] != path:
                    yield _without_result(pending.popleft()[0], "clamscan passed it over")
                yield pending.popleft()[0], verdict
            errors.seek(0)
            reason = last_complaint(errors.read())
        if listed and not scanned:
            raise GatewayError("clamscan does not scan: %s" % reason)
        for entry in pending:
            yield _without_result(entry[0], "clamscan gave no result: %s" % reason)

    def _results(self, listing, errors):
        command = self.command + ["--file-list=%s" % listing]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=self._environment)
        try:
            for line in process.stdout:
                found = parse_line(line.rstrip(b"\n"))
                if found:
                    yield found
        finally:
            # The reader may have stopped because its time is up.
            process.stdout.close()
            process.terminate()
            process.wait()


def parse_line(line):
    """(path, verdict) of a line of clamscan, None for other lines. A path is octets."""
    path, colon, result = line.rpartition(b": ")
    if not colon:
        return None
    result = client.printable(result)
    if result in ("OK", "Empty file"):
        return path, client.Verdict(client.CLEAN, "")
    if result.endswith(" FOUND"):
        return path, client.judge_name(result[: -len(" FOUND")])
    if re.search(r"ERROR$|denied|Excluded|Symbolic link|Not a regular", result):
        return path, client.Verdict(client.ERROR, result)
    return None


def last_complaint(octets):
    """The last line that a tool printed, for people."""
    lines = [client.printable(line.strip()) for line in octets.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _without_result(event, reason):
    return event, client.Verdict(client.ERROR, reason) if isinstance(event, Item) else None


def _listed(event, index, work):
    """The name under which an Item stands in the list for clamscan, which is read by lines. None for other events."""
    if not isinstance(event, Item):
        return None
    if event.message is None and b"\n" not in event.path:
        return event.path
    name = os.fsencode(os.path.join(work, "item-%d" % index))
    if event.message is None:
        os.symlink(event.path, name)
    else:
        # What cannot be read any more has no result.
        with contextlib.suppress(OSError), open(event.path, "rb") as stream, open(name, "wb") as copy:
            shutil.copyfileobj(Part(stream, event.message.offset, event.message.length), copy)
    return name
