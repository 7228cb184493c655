# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real clamd does what clamav_conf writes for it: sockets, logs, limits on clients, events (features 2d)."""

from __future__ import annotations

import pwd
import re
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.mailcordon.gateway.tests.end_to_end.samples import eicar, twin, zipped
from ansible_collections.mailcordon.gateway.tests.tools.clamav_bench import FOUND, USER, signature_file, wait_until

ANY_PORT = 33310
"""TCP port for clamd in these tests; the daemon's own is 3310."""


def listeners(pid: int, kind: str) -> list[list[str]]:
    """The columns that ss shows for the listening sockets of a process: state, queues, address."""
    output = subprocess.run(["ss", "-Hlnp", kind], check=True, capture_output=True, text=True).stdout
    return [line.split() for line in output.splitlines() if f"pid={pid}," in line]


def test_an_active_example_line_stops_clamd_and_ours_has_none(bench):
    """Covers features 2.31."""
    clamd = bench.clamd()
    config = bench.path("clamd.conf")
    ours = config.read_text()
    config.write_text("Example\n" + ours)
    assert "Please edit the example config file" in clamd.refuses_to_start()
    config.write_text(ours)
    assert clamd.start().stream(eicar()).endswith(FOUND)


def test_runs_as_its_user_and_listens_on_a_local_socket_only(bench):
    """Covers features 2.41, 2.42, 2.43, 2.57: started by root, runs as clamav, no TCP port."""
    clamd = bench.clamd().start()
    status = Path(f"/proc/{clamd.process.pid}/status").read_text()
    uid = pwd.getpwnam(USER).pw_uid
    assert re.search(rf"^Uid:\s+{uid}\s+{uid}\s+{uid}", status, re.MULTILINE)
    assert Path(clamd.socket).is_socket()
    assert listeners(clamd.process.pid, "--tcp") == []


def test_tcp_is_an_opt_in_on_one_address(bench):
    """Covers features 2.45, 2.46, 18.04: the port is open on the named address and on no other."""
    clamd = bench.clamd({"TCPSocket": ANY_PORT, "TCPAddr": "127.0.0.1"}).start()
    assert {columns[3] for columns in listeners(clamd.process.pid, "--tcp")} == {f"127.0.0.1:{ANY_PORT}"}


def test_a_killed_clamd_starts_again(bench):
    """Covers features 2.44: the socket that it left behind is in nobody's way."""
    clamd = bench.clamd({"FixStaleSocket": True}).start()
    clamd.kill()
    assert Path(clamd.socket).exists()
    assert clamd.start().stream(eicar()).endswith(FOUND)


def test_without_fixing_the_stale_socket_it_does_not(bench):
    """The twin of features 2.44."""
    clamd = bench.clamd({"FixStaleSocket": False}).start()
    clamd.kill()
    assert f"Socket file {clamd.socket} exists" in clamd.refuses_to_start()


def test_log_file_and_what_stands_in_it(bench):
    """Covers features 2.32, 2.34, 2.35, 2.36, 2.38: a log that its user can write, with time, with clean files."""
    clamd = bench.clamd({"LogFileMaxSize": 0, "LogTime": True, "LogClean": True, "LogVerbose": True}).start()
    clean, infected = bench.file("clean", twin()), bench.file("infected", eicar())
    clamd.scan(clean)
    clamd.scan(infected)
    log = clamd.log.read_text()
    assert re.search(rf"(?m)^\w{{3}} \w{{3}} .* -> {infected}: .*FOUND$", log)
    assert re.search(rf"(?m)^\w{{3}} \w{{3}} .* -> {clean}: OK$", log)
    assert f"Log file size limited to {2**63 - 1} bytes" in log


def test_log_without_time_and_clean_files(bench):
    """The twin of features 2.35 and 2.36."""
    clamd = bench.clamd({"LogFileMaxSize": "1M", "LogTime": False, "LogClean": False}).start()
    clean, infected = bench.file("clean", twin()), bench.file("infected", eicar())
    clamd.scan(clean)
    clamd.scan(infected)
    log = clamd.log.read_text()
    assert re.search(rf"(?m)^{infected}: .*FOUND$", log)
    assert f"{clean}:" not in log
    assert "Log file size limited to 1048576 bytes" in log


def test_log_is_opened_again_after_rotation(bench):
    """Covers features 2.32, 2.34: as logrotate does it, with the owner and mode that the role sets."""
    clamd = bench.clamd().start()
    clamd.log.rename(bench.path("rotated.log"))
    clamd.log.touch(mode=0o640)
    shutil.chown(clamd.log, USER, USER)
    clamd.process.send_signal(signal.SIGHUP)
    infected = bench.file("infected", eicar())
    # clamd looks at the signal between two connections
    wait_until("line in the new log", lambda: clamd.scan(infected).endswith(FOUND) and FOUND in clamd.log.read_text())
    assert bench.path("rotated.log").stat().st_size > 0


@pytest.mark.parametrize("unlock", [False, True])
def test_two_clamds_with_one_log(bench, unlock):
    """Covers features 2.33: the second one gives up, unless both leave the log unlocked."""
    options = {"LogFileUnlock": unlock, "LogFile": str(bench.path("shared.log"))}
    bench.clamd(options).start()
    second = bench.clamd(dict(options, LocalSocket=str(bench.path("second.sock"))), name="second.conf")
    if unlock:
        assert second.start().ask("PING") == "PONG"
    else:
        assert "Failed to lock the log file" in second.refuses_to_start()


def test_pid_file(bench):
    """Covers features 2.39."""
    clamd = bench.clamd({"PidFile": str(bench.path("clamd.pid"))}).start()
    wait_until("PID file", bench.path("clamd.pid").exists)
    assert int(bench.path("clamd.pid").read_text()) == clamd.process.pid


@pytest.mark.parametrize("leave", [True, False])
def test_temporary_directory(bench, leave):
    """Covers features 2.40, 2.60: where archives are unpacked, and whether that stays."""
    directory = bench.path("temporary")
    directory.mkdir()
    directory.chmod(0o777)
    clamd = bench.clamd({"TemporaryDirectory": str(directory), "LeaveTemporaryFiles": leave}).start()
    clamd.stream(zipped("file", eicar()))
    kept = [path for path in directory.rglob("*") if path.is_file() and eicar() in path.read_bytes()]
    assert bool(kept) is leave


def test_debug_messages(bench):
    """Covers features 2.60."""
    bench.clamd({"Debug": True}).start().stream(twin())
    assert "LibClamAV debug:" in bench.output()


def test_no_debug_messages(bench):
    """The twin of features 2.60."""
    bench.clamd({"Debug": False}).start().stream(twin())
    assert "LibClamAV debug:" not in bench.output()


def test_streams_are_limited(bench):
    """Covers features 2.48: one byte over the limit is refused, at the limit it is scanned."""
    limit = 4096
    clamd = bench.clamd({"StreamMaxLength": limit}).start()
    assert clamd.stream(eicar().ljust(limit)).endswith(FOUND)
    # Only the length: clamd hangs up on data that it does not want, and its answer could be lost
    assert "size limit exceeded" in clamd.ask("INSTREAM", struct.pack(">I", limit + 1))


def test_the_old_stream_command_is_gone(bench):
    """Covers features 2.49: INSTREAM needs no ports, so none are rendered."""
    clamd = bench.clamd().start()
    assert clamd.ask("STREAM") == "UNKNOWN COMMAND"
    assert clamd.stream(twin()) == "stream: OK"


def test_threads_and_queue(bench):
    """Covers features 2.47, 2.50."""
    clamd = bench.clamd({"MaxThreads": 20, "MaxConnectionQueueLength": 30, "MaxQueue": 40}).start()
    assert "max 20 idle-timeout" in clamd.ask("STATS")
    (listener,) = listeners(clamd.process.pid, "--unix")
    backlog = int(listener[3])
    assert backlog == 30


def test_a_silent_client_is_dropped(bench):
    """Covers features 2.51: after ReadTimeout seconds, and not before."""
    clamd = bench.clamd({"ReadTimeout": 1, "CommandReadTimeout": 1}).start()
    with clamd.connection() as connection:
        connection.sendall(b"zINSTREAM\0")
        started = time.monotonic()
        assert "TIMED OUT" in clamd.answer(connection).upper()
    assert 0.5 < time.monotonic() - started < 20


def test_idle_threads_end(bench):
    """Covers features 2.52."""
    clamd = bench.clamd({"IdleTimeout": 1}).start()
    assert "idle-timeout 1" in clamd.ask("STATS")


def test_directories_are_scanned_to_a_depth(bench):
    """Covers features 2.53."""
    clamd = bench.clamd({"MaxDirectoryRecursion": 2}).start()
    bench.file("tree/one/two/three/deep", eicar())
    assert FOUND not in clamd.scan(bench.path("tree"))
    bench.file("tree/one/near", eicar())
    assert f"{bench.path('tree/one/near')}: {FOUND}" in clamd.scan(bench.path("tree"))


@pytest.mark.parametrize("follow", [False, True])
def test_symlinks(bench, follow):
    """Covers features 2.54: neither files nor directories behind a link are scanned unless asked for."""
    clamd = bench.clamd({"FollowFileSymlinks": follow, "FollowDirectorySymlinks": follow}).start()
    bench.file("elsewhere/infected", eicar())
    bench.path("tree/sub").mkdir(parents=True)
    bench.path("tree/file").symlink_to(bench.path("elsewhere/infected"))
    bench.path("tree/sub/directory").symlink_to(bench.path("elsewhere"))
    assert clamd.ask(f"CONTSCAN {bench.path('tree')}").count(FOUND) == (2 if follow else 0)


def test_self_check_finds_new_signatures(bench):
    """Covers features 2.55: without RELOAD; the twin is harmless until then."""
    clamd = bench.clamd({"SelfCheck": 1}).start()
    assert clamd.stream(twin()) == "stream: OK"
    (bench.database / "new.ndb").write_text(signature_file("New", twin()))
    wait_until("new signature", lambda: "New.UNOFFICIAL FOUND" in clamd.stream(twin()))


def test_virus_event_gets_names_through_the_environment(bench):
    """Covers features 2.56, 18.06: an infected file runs the program, a clean one does not."""
    told = bench.path("told")
    program = bench.script("event", f'echo "$CLAM_VIRUSEVENT_VIRUSNAME|$CLAM_VIRUSEVENT_FILENAME" >>{told}')
    clamd = bench.clamd({"VirusEvent": str(program)}).start()
    clamd.scan(bench.file("clean", twin()))
    infected = bench.file("infected $(touch harm); `touch harm`", eicar())
    clamd.scan(infected)
    wait_until("virus event", told.exists)
    wait_until("its text", lambda: told.read_text().endswith("\n"))
    assert told.read_text() == f"{FOUND.removesuffix(' FOUND')}|{infected}\n"
    assert not list(bench.directory.rglob("harm"))
    assert not Path("harm").exists()
