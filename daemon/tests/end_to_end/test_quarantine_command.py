"""`mailcordon quarantine list` and `show` with what the running daemon has kept (issue 7; checklist 26)."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from samples import eicar

from .daemon import COMMAND, Daemon, NextHop, text_mail, wait_until
from .installation import program_in
from .releasing import mail_id_of, our_tool, quarantined
from .test_mail_log import with_sqlite
from .test_release_from_sql import rows

EVIL = "\x1b]0;owned\x07\u202e"


def command(
    daemon: Daemon, *arguments: str, program: Sequence[str] = (str(COMMAND),), account: int | None = None
) -> subprocess.CompletedProcess[str]:
    """`mailcordon quarantine`; `account`: user and group to run as, in the daemon's group as well."""
    own = "root" if os.geteuid() == 0 else "mailcordon"
    options = ["--config-dir", str(daemon.config_directory), "--user", own]
    further: dict[str, Any] = {"user": account, "group": account, "extra_groups": [0]} if account else {}
    done = subprocess.run(
        [*program, "quarantine", *options, *arguments], capture_output=True, check=False, timeout=60, **further
    )
    # Only what is printed raw is no UTF-8.
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode()
    )


def as_json(daemon: Daemon, *arguments: str) -> Any:
    """What `--json` prints."""
    done = command(daemon, *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def hostile(token: str) -> bytes:
    """Virus in a mail whose fields do something to a terminal."""
    mail = text_mail(eicar(), token).replace(b"Subject: test", f"Subject: {EVIL}offer".encode())
    return mail.replace(b"From: alice", b"X-Bell: \x07\x9b\r\nFrom: alice")


def test_files(daemon: Daemon, next_hop: NextHop) -> None:
    """Each mail is listed, shown, and released by what the list says of it; nothing reaches the terminal raw."""
    daemon.start()
    assert as_json(daemon, "list") == []
    daemon.send(hostile("first"), ("bob@example.test", "carol@example.test"))
    (location,) = quarantined(daemon)
    mail_id = mail_id_of(location)
    (mail,) = as_json(daemon, "list")
    assert mail["mail_id"] == mail_id
    assert (mail["release_as"], mail["location"], mail["quar_type"]) == (location, location, "F")
    assert (mail["content"], mail["sender"], mail["partition_tag"]) == ("virus", "alice@sender.example", None)
    assert [(one["address"], one["blocked"]) for one in mail["recipients"]] == [
        ("bob@example.test", True),
        ("carol@example.test", True),
    ]
    shown = command(daemon, "list")
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\d [\d:]{{8}}  {mail_id}  virus       <alice@sender.example> -> <bob@example.test>, "
        rf"<carol@example.test>  .*offer\n",
        shown.stdout,
    )
    details = command(daemon, "show", mail_id)
    assert "recipient 2: <carol@example.test> blocked" in details.stdout
    assert "X-Amavis-Alert: INFECTED, message contains virus:" in details.stdout
    for text in (shown.stdout, details.stdout):
        assert not re.search(r"[^\n\t -\ud7ff]|\u202e", text)
    raw = subprocess.run(
        [COMMAND, "quarantine", "--config-dir", daemon.config_directory, "--user", "root", "show", "--raw", mail_id],
        capture_output=True,
        check=True,
    ).stdout
    assert raw == (daemon.home / "virusmails" / location).read_bytes()
    one = as_json(daemon, "show", location)
    assert {"name": "X-Quarantine-ID", "body": f"<{mail_id}>"} in one["header"]
    assert {key: value for key, value in one.items() if key != "header"} == mail
    assert our_tool(daemon, mail["release_as"], mail["secret_id"]).returncode == 0
    assert len(next_hop.messages()) == 1
    assert as_json(daemon, "list", "--sender", "@sender.example", "--content", "virus", "--since", "1h") == [mail]
    assert as_json(daemon, "list", "--recipient", "dave@*") == []


@pytest.mark.parametrize("method", ["sql:", "local:virus-%m"])
def test_data_base(daemon: Daemon, next_hop: NextHop, method: str) -> None:
    """B1.25: the secret_id that the list shows lets a web interface release the mail, whichever way it is kept."""
    with_sqlite(daemon, f'auth_required_release = true\npartition_tag = 25\nspam_quarantine_method = "{method}"')
    daemon.configure("60-method", f'virus_quarantine_method = "{method}"')
    daemon.start()
    daemon.send(hostile("first"))
    wait_until(lambda: bool(rows(daemon, "SELECT 1 FROM msgs WHERE content IS NOT NULL")), "the record")
    (mail,) = as_json(daemon, "list", "--content", "V", "--tag", "25")
    (recipient,) = mail["recipients"]
    assert mail["here"] is True
    assert (recipient["fate"], recipient["content"], recipient["blocked"]) == ("discarded", "virus", True)
    assert our_tool(daemon, mail["release_as"], mail["secret_id"][::-1]).returncode == 1
    done = our_tool(daemon, mail["release_as"], mail["secret_id"])
    assert done.returncode == 0, done.stderr
    assert len(next_hop.messages()) == 1
    name = f"{mail['mail_id']}[25]"
    assert command(daemon, "show", name).stdout.startswith(f"mail_id:     {name}\n")
    assert command(daemon, "show", f"{mail['mail_id']}[26]").returncode == 1
    raw = command(daemon, "show", "--raw", mail["mail_id"])
    assert eicar().decode() in raw.stdout
    if method != "sql:":
        (daemon.home / "virusmails" / mail["location"]).rename(daemon.home / "elsewhere")
        assert [mail["here"] for mail in as_json(daemon, "list")] == [False]
        (daemon.home / "elsewhere").rename(daemon.home / "virusmails" / mail["location"])
    # What the data base does not know, the files may.
    found = as_json(daemon, "list", "--source", "files")
    assert len(found) == (0 if method == "sql:" else 1)


def test_what_fails_is_one_line(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start()
    daemon.send(hostile("first"))
    (location,) = quarantined(daemon)
    missing = command(daemon, "show", "nosuchidhere")
    assert (missing.returncode, missing.stderr) == (1, "mailcordon: there is no mail nosuchidhere in quarantine\n")
    assert command(daemon, "show", "../../etc/passwd").returncode == 1
    assert command(daemon, "show", "two words").returncode == 2
    assert command(daemon, "list", "--since", "yesterday").returncode == 2
    assert command(daemon, "list", "--content", "evil").returncode == 2
    assert command(daemon, "list", "--source", "sql").returncode == 78
    daemon.configure("60-sql", f'storage_sql_dsn = "sqlite:///{tmp_path}/missing/mail.db"')
    broken = command(daemon, "list")
    assert broken.returncode == 69
    assert re.fullmatch(r"mailcordon: sqlite:.*unable to open database file.*--source files\n", broken.stderr)
    assert command(daemon, "list", "--source", "files").returncode == 0
    daemon.configure("60-sql", "")
    (daemon.home / "virusmails" / location).write_bytes(b"\x1f\x8bno gzip")
    partly = command(daemon, "list")
    assert (partly.returncode, partly.stderr.count("\n")) == (1, 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="another account can be had by root only")
def test_member_of_the_group(daemon: Daemon, installed: Path) -> None:
    """Who may read the files may list them, without the key and so without the secrets; others are told so."""
    daemon.start()
    daemon.send(hostile("first"))
    quarantined(daemon)
    for path in (*daemon.home.parents, daemon.home, daemon.config_directory):
        if path.stat().st_mode & 0o055 != 0o055:
            path.chmod(0o755)
    done = command(daemon, "list", "--json", program=program_in(installed), account=65534)
    assert done.returncode == 0, done.stderr
    (mail,) = json.loads(done.stdout)
    assert mail["content"] == "virus"
    assert mail["secret_id"] is None
    (daemon.home / "virusmails").chmod(0o700)
    refused = command(daemon, "list", program=program_in(installed), account=65534)
    assert (refused.returncode, refused.stderr) == (69, f"mailcordon: {daemon.home}/virusmails: Permission denied\n")
    assert not (daemon.home / "secret-id.key").exists()
