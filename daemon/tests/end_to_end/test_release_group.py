"""A socket for a group that may release and not read (contracts B1.24, B4.06, B6.11; features 12.13, 18.02)."""

import grp
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from samples import eicar

from .daemon import Daemon, NextHop, text_mail, wait_until
from .installation import program_in
from .releasing import ask, control_socket, mail_id_of, quarantined

IS_ROOT = os.geteuid() == 0
GROUP = grp.getgrnam("games") if IS_ROOT else grp.getgrgid(os.getegid())
NOBODY = 65534
MAILFROM = 'mailfrom_notify_recip = "release@example.test"'


@pytest.fixture
def door(daemon: Daemon) -> Iterator[Path]:
    """The socket of the group, in a directory that everybody may look into."""
    directory = Path(tempfile.mkdtemp(prefix="mailcordon-release-", dir="/tmp"))
    directory.chmod(0o755)
    path = directory / "release.sock"
    daemon.configure(
        "45-release",
        f"""
        unix_socketname = ["{control_socket(daemon)}", "{path}"]
        unix_socket_group."{path}" = "{GROUP.gr_name}"
        interface_policy."{path}" = "RELEASE"
        policy_bank.RELEASE.release_only = true
        """,
    )
    yield path
    shutil.rmtree(directory)


@pytest.fixture
def infected(daemon: Daemon, door: Path) -> str:
    """One infected mail in quarantine; its location there."""
    daemon.start()
    assert daemon.send(text_mail(eicar(), "kept")).startswith("250 2.7.0 Ok, discarded")
    return quarantined(daemon)[0]


def release(path: Path, program: Path, mail: str, *, group: int) -> subprocess.CompletedProcess[str]:
    """`mailcordon release` as an account that has no more than this group."""
    line = [*program_in(program), "release", "--socket", str(path), mail]
    return subprocess.run(
        line, user=NOBODY, group=group, extra_groups=[], capture_output=True, text=True, check=False, timeout=60
    )


def test_group_of_a_socket(daemon: Daemon, door: Path) -> None:
    """B6.11: that socket alone belongs to the group; a reload takes it back, and names a group that is not there."""
    daemon.start()
    own = control_socket(daemon).stat().st_gid
    assert (door.stat().st_gid, stat.S_IMODE(door.stat().st_mode)) == (GROUP.gr_gid, 0o660)
    assert own == os.getegid()
    daemon.configure("46-release", f'unix_socket_group."{door}" = "no-such-group"')
    daemon.signal(signal.SIGHUP)
    complaint = f"unix_socket_group: there is no group no-such-group, to which {door} is to belong"
    wait_until(lambda: complaint in daemon.log(), "the reload is refused")
    assert door.stat().st_gid == GROUP.gr_gid
    daemon.configure("46-release", "")
    daemon.configure("45-release", f'unix_socketname = ["{control_socket(daemon)}", "{door}"]')
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in daemon.log(), "reload")
    assert door.stat().st_gid == own


def test_group_that_is_not_there(daemon: Daemon, door: Path) -> None:
    """Bad input: one line, and the daemon does not start; its twin is the test above."""
    daemon.configure("46-release", f'unix_socket_group."{door}" = "no-such-group"')
    daemon.launch()
    assert daemon.wait() == 69
    assert daemon.output().splitlines() == [
        f"mailcordon: unix_socket_group: there is no group no-such-group, to which {door} is to belong"
    ]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("request=report\r\nmail_id=MAIL_ID\r\n", "ERROR:%20request%20report%20is%20not%20allowed%20here"),
        ("request=release\r\nmail_id=MAIL_ID\r\nrecipient=eve@example.test\r\n", "ERROR:%20no%20other%20recipients"),
        ("request=requeue\r\nmail_id=MAIL_ID\r\nrecipient=eve@example.test\r\n", "ERROR:%20no%20other%20recipients"),
        (
            "request=release\r\nmail_id=MAIL_ID\r\nrecipient=bob@example.test\r\nrecipient=eve@example.test\r\n",
            "ERROR:%20no%20other%20recipients",
        ),
        ("request=release\r\nmail_id=MAIL_ID\r\nsender=eve@example.test\r\n", "ERROR:%20no%20other%20sender"),
        (
            "request=AM.PDP\r\nsender=a@b.example\r\nrecipient=eve@example.test\r\ntempdir=/tmp/amavis-1\r\n",
            "Failure:%20request%20'AM.PDP'%20is%20not%20allowed%20here",
        ),
    ],
)
def test_what_is_refused_there(
    daemon: Daemon, door: Path, next_hop: NextHop, infected: str, lines: str, complaint: str
) -> None:
    """B1.24: nobody has mail sent to himself there; at the daemon's own socket it is another matter."""
    request = lines.replace("MAIL_ID", f"{mail_id_of(infected)}\r\nmail_file={infected}").encode() + b"\r\n"
    answer = ask(door, request)
    assert answer.startswith("setreply=450 4.5.0 ")
    assert complaint in answer
    assert next_hop.messages() == []
    assert "not%20allowed" not in ask(control_socket(daemon), request)


def test_mail_goes_to_whom_it_was_for(door: Path, next_hop: NextHop, infected: str) -> None:
    """B1.24, features 12.13: its recipients may be named, in any case."""
    for recipient in ("", "recipient=<BOB@example.test>\r\n"):
        request = f"request=release\r\nmail_id={mail_id_of(infected)}\r\nmail_file={infected}\r\n{recipient}\r\n"
        assert ask(door, request.encode()).startswith("setreply=250 2.6.0 Ok")
    assert len(next_hop.messages()) == 2


@pytest.mark.parametrize("may_only_release", [True, False])
def test_who_gets_a_bounce(
    daemon: Daemon, door: Path, next_hop: NextHop, infected: str, *, may_only_release: bool
) -> None:
    """B1.33: a bounce brings the mail along, so that it never goes to one who may not read."""
    daemon.configure("46-release", f'release_format = "attach"\nlog_level = 3\n{MAILFROM}')
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in daemon.log(), "reload")
    request = f"request=release\r\nmail_id={mail_id_of(infected)}\r\nmail_file={infected}\r\n"
    request += "requested_by=<eve@example.test>\r\n\r\n"
    path = door if may_only_release else control_socket(daemon)
    assert ask(path, request.encode()).startswith("setreply=250 2.6.0 Ok")
    sender = "release@example.test" if may_only_release else "eve@example.test"
    wait_until(lambda: f"from <{sender}> -> <bob@example.test>" in daemon.log(), "log entry")
    assert len(next_hop.messages()) == 1


@pytest.mark.skipif(not IS_ROOT, reason="another account can be had by root only")
def test_members_and_others(daemon: Daemon, door: Path, next_hop: NextHop, infected: str, installed: Path) -> None:
    """B6.11, features 18.02: a member releases and reads neither quarantine nor tables; others are told who may."""
    daemon.home.chmod(0o750)
    database = daemon.home / "db" / "mail.db"
    database.touch(mode=0o640)
    for path in (*daemon.home.parents, daemon.config_directory, installed, *installed.parents):
        if path.stat().st_mode & 0o005 != 0o005:
            path.chmod(0o755)
    refused = release(door, installed, infected, group=NOBODY)
    assert (refused.returncode, refused.stdout, next_hop.messages()) == (69, "", [])
    assert refused.stderr == (
        f"mailcordon: cannot ask the daemon at {door}: Permission denied; members of the group {GROUP.gr_name} may\n"
    )
    done = release(door, installed, infected, group=GROUP.gr_gid)
    assert (done.returncode, done.stderr.startswith("250 2.6.0 Ok")) == (0, True), done.stderr
    assert len(next_hop.messages()) == 1
    hidden = release(control_socket(daemon), installed, infected, group=GROUP.gr_gid)
    assert (hidden.returncode, hidden.stderr) == (
        69,
        f"mailcordon: cannot ask the daemon at {control_socket(daemon)}: Permission denied\n",
    )
    # Without a place he is told as well, though directories of the configuration are closed to him.
    line = [*program_in(installed), "release", "--config-dir", str(daemon.config_directory), infected]
    lost = subprocess.run(line, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, check=False)
    assert (lost.returncode, lost.stderr) == (hidden.returncode, hidden.stderr)
    for path in (daemon.home / "virusmails" / infected, database):
        assert path.is_file()
        line = ["cat", str(path)]
        read = subprocess.run(line, user=NOBODY, group=GROUP.gr_gid, extra_groups=[], capture_output=True, check=False)
        assert read.returncode != 0
        assert b"Permission denied" in read.stderr
