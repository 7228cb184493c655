"""What must be right before the daemon can run, and whether an account could change its configuration
(features 1.08, 1.10, 1.16, 1.18). Run as root, the tests look at accounts that every system has."""

import json
import os
import pwd
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailcordon.cli.main import main
from mailcordon.run.account import Account
from mailcordon.run.prerequisites import Prerequisite, changeable, check

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files of other accounts are made here")

ACCOUNT = "daemon"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A good configuration and work tree of the account."""
    entry = pwd.getpwnam(ACCOUNT)
    home, fragments = tmp_path / "home", tmp_path / "conf.d"
    for directory in (home, home / "tmp", home / "virusmails"):
        directory.mkdir(mode=0o750)
        os.chown(directory, entry.pw_uid, entry.pw_gid)
    fragments.mkdir(mode=0o750)
    os.chown(fragments, 0, entry.pw_gid)
    fragment = fragments / "50-user.toml"
    fragment.write_text(f'myhostname = "gate.example.test"\nMYHOME = "{home}"\n')
    os.chown(fragment, 0, entry.pw_gid)
    fragment.chmod(0o640)
    return tmp_path


def results(host: Path, user: str = ACCOUNT) -> dict[str, Prerequisite]:
    return {result.name: result for result in check((host / "conf.d",), user)}


def test_good_host_passes(host: Path) -> None:
    """Features 1.18: all four, each with what was looked at."""
    found = results(host)
    assert {name: result.problems for name, result in found.items()} == dict.fromkeys(
        ("account", "directories", "modules", "configuration"), ()
    )
    assert str(host / "home/tmp") in found["directories"].facts
    assert "pydantic " in found["modules"].facts


def test_account_that_is_not_there(host: Path) -> None:
    """Features 1.08, 1.18: what depends on it is not known either; the rest is still reported."""
    found = results(host, "no-such-account")
    assert found["account"].problems == ("--user: there is no account 'no-such-account'",)
    assert [name for name, result in found.items() if not result.passed] == ["account", "directories"]


def test_root_is_no_service_account(host: Path) -> None:
    """Features 1.18, B18.05."""
    assert results(host, "root")["account"].problems == ("root: is root; the filter needs an account of its own",)


def test_directories_that_do_not_fit(host: Path) -> None:
    """Features 1.10, 1.18: missing, not its own, open to all: every problem at once."""
    home = host / "home"
    (home / "tmp").rmdir()
    os.chown(home / "virusmails", 0, 0)
    home.chmod(0o755)
    assert results(host)["directories"].problems == (
        f"MYHOME: {home}: is open to all accounts (mode 0755); 0750 is right",
        f"TEMPBASE: {home}/tmp: No such file or directory",
        f"QUARANTINEDIR: {home}/virusmails: cannot be written by {ACCOUNT}",
    )


def test_configuration_that_is_bad_or_cannot_be_read(host: Path) -> None:
    """Features 1.18: as check-config says it, or as the account would meet it."""
    fragment = host / "conf.d/50-user.toml"
    fragment.chmod(0o600)
    assert results(host)["configuration"].problems == (f"{fragment}: cannot be read by {ACCOUNT}",)
    fragment.write_text('myhostname = "gate.example.test"\nmax_servers = -1\n')
    found = results(host)
    assert len(found["configuration"].problems) == 1
    assert "max_servers" in found["configuration"].problems[0]
    assert not found["directories"].passed


@pytest.mark.parametrize(
    ("owner", "group", "mode", "refused"),
    [
        (0, ACCOUNT, 0o640, False),
        (0, ACCOUNT, 0o660, True),
        (0, "root", 0o660, False),
        (0, "root", 0o666, True),
        (ACCOUNT, ACCOUNT, 0o440, True),  # an owner can change the mode
    ],
)
def test_configuration_that_the_account_could_change(
    host: Path, owner: str | int, group: str, mode: int, refused: bool
) -> None:
    """Features 1.16: by group, by all, or by being its owner."""
    fragment = host / "conf.d/50-user.toml"
    uid = owner if isinstance(owner, int) else pwd.getpwnam(owner).pw_uid
    os.chown(fragment, uid, pwd.getpwnam(group).pw_gid)
    fragment.chmod(mode)
    line = f"{fragment}: is writable by {ACCOUNT}; it must belong to root, mode 0640"
    assert list(changeable([fragment], Account.named(ACCOUNT))) == ([line] if refused else [])


def test_directory_of_fragments_that_the_account_could_change(host: Path) -> None:
    """Features 1.16: who may write there may add a fragment that wins over all others."""
    (host / "conf.d").chmod(0o770)
    assert results(host)["configuration"].problems == (
        f"{host}/conf.d: is writable by {ACCOUNT}; it must belong to root, mode 0750",
    )


def test_command(host: Path) -> None:
    """Features 1.18: pass or fail for each of the four, for people and for programs; status 1 when one fails."""
    arguments = ["check-config", "--config-dir", str(host / "conf.d"), "--prerequisites", "--user", ACCOUNT]
    good = CliRunner().invoke(main, arguments)
    assert (good.exit_code, [line.split()[:2] for line in good.output.splitlines()]) == (
        0,
        [["pass", "account"], ["pass", "directories"], ["pass", "modules"], ["pass", "configuration"]],
    )
    (host / "home/tmp").rmdir()
    bad = CliRunner().invoke(main, arguments)
    assert bad.exit_code == 1
    assert f"FAIL  directories    TEMPBASE: {host}/home/tmp: No such file or directory" in bad.output.splitlines()
    told = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).output)
    assert (told["ok"], told["prerequisites"]["directories"]["ok"], told["prerequisites"]["account"]["ok"]) == (
        False,
        False,
        True,
    )
