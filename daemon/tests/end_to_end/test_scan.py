"""`mailcordon scan` and `mailcordon check-config` as a user calls them."""

import json
import subprocess
from pathlib import Path

import pytest

from samples import eicar, eicar_twin, with_attachment, zipped
from servers import Clamd

from .daemon import COMMAND

HEADER = (
    b"From: alice@sender.example\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\nSubject: test\r\nMIME-Version: 1.0\r\n"
)


@pytest.fixture
def config_directory(tmp_path: Path, clamd: Clamd) -> Path:
    directory = tmp_path / "conf.d"
    directory.mkdir()
    (directory / "50-user.toml").write_text(
        f"""
myhostname = "gate.example.test"
bypass_virus_checks = false
[[av_scanners]]
name = "clamd"
protocol = "clamd"
socket = "{clamd.path}"
"""
    )
    return directory


def mailcordon(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([COMMAND, *arguments], input=stdin, capture_output=True, check=False, timeout=60)


def test_eicar_is_category_virus(tmp_path: Path, config_directory: Path) -> None:
    """Category virus with the signature's name, exit status 1."""
    message = tmp_path / "eicar.eml"
    message.write_bytes(HEADER + b"\r\n" + eicar() + b"\r\n")
    result = mailcordon("scan", "--json", "--config-dir", config_directory, message)
    assert result.returncode == 1, result.stderr
    answer = json.loads(result.stdout)
    assert answer["category"] == "virus"
    assert answer["blocked"] is True
    assert answer["virus_names"][0].startswith("Eicar-Test-Signature")
    assert answer["recipients"][0]["destiny"] == "discard"
    assert answer["recipients"][0]["quarantine_to"] == "virus-quarantine"


def test_twin_from_standard_input_is_clean(config_directory: Path) -> None:
    """The harmless twin: exit status 0, its parts listed."""
    boundary = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    parts = b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n" + (
        b'--b\r\nContent-Disposition: attachment; filename="x.txt"\r\n\r\n' + eicar_twin() + b"\r\n--b--\r\n"
    )
    result = mailcordon("scan", "--json", "--config-dir", config_directory, "-", stdin=HEADER + boundary + parts)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer["category"] == "clean"
    assert answer["findings"] == []
    assert [part["type"] for part in answer["parts"]] == ["multipart/mixed", "text/plain", "text/plain"]
    assert answer["parts"][2]["names"] == ["x.txt"]


def test_members_of_archives(config_directory: Path) -> None:
    """Each with its place, names, types and size; what people read shows them, too."""
    message = with_attachment(zipped(zipped(b"MZ" + bytes(500), "clam.exe"), "in.zip"), "a.zip")
    result = mailcordon("scan", "--json", "--config-dir", config_directory, "-", stdin=message)
    parts = {part["location"]: part for part in json.loads(result.stdout)["parts"]}
    member = parts["1.2.1.1"]
    assert (member["names"], member["size"], member["member"]) == (["clam.exe"], 502, True)
    assert member["short_types"] == ["exe", "exe-ms"]
    assert parts["1.2"]["short_types"] == ["zip"]
    assert not parts["1.2"]["member"]
    shown = mailcordon("scan", "--config-dir", config_directory, "-", stdin=message).stdout.decode()
    assert any(line.split()[:1] == ["1.2.1.1"] and ".exe .exe-ms" in line for line in shown.splitlines())


def test_for_people(tmp_path: Path, config_directory: Path) -> None:
    """Without --json: a short table that says the same."""
    result = mailcordon("scan", "--config-dir", config_directory, "-", stdin=HEADER + b"\r\n" + eicar())
    assert result.returncode == 1
    assert "category: virus (Eicar-Test-Signature" in result.stdout.decode()
    assert "discard" in result.stdout.decode()


def test_recipients_are_judged_alone(config_directory: Path) -> None:
    """Design rule 4."""
    (config_directory / "60-lovers.toml").write_text('virus_lovers = { hash = { "lab@example.test" = true } }\n')
    recipients = ("--recipient", "bob@example.test", "--recipient", "lab@example.test")
    message = HEADER + b"\r\n" + eicar()
    result = mailcordon("scan", "--json", "--config-dir", config_directory, *recipients, "-", stdin=message)
    assert [item["blocked"] for item in json.loads(result.stdout)["recipients"]] == [True, False]


def test_unreadable_file_is_one_line(tmp_path: Path, config_directory: Path) -> None:
    """Bad input: exit status 2 with one line."""
    result = mailcordon("scan", "--json", "--config-dir", config_directory, tmp_path / "absent.eml")
    assert result.returncode == 2
    assert result.stderr.decode() == f"mailcordon: {tmp_path}/absent.eml: cannot be read: No such file or directory\n"


def test_scanner_down_is_one_line(config_directory: Path) -> None:
    """No verdict is no `clean`: exit status 2."""
    (config_directory / "60-scanner.toml").write_text(
        '[[av_scanners]]\nname = "gone"\nprotocol = "clamd"\nsocket = "/nonexistent/clamd"\n'
    )
    result = mailcordon("scan", "--config-dir", config_directory, "-", stdin=HEADER + b"\r\nhello\r\n")
    assert result.returncode == 2
    assert result.stderr.decode().splitlines()[-1].startswith("mailcordon: ALL VIRUS SCANNERS FAILED")


def test_check_config(config_directory: Path) -> None:
    """Exit status 0 for a good configuration, 1 for a bad one with all errors at once, as JSON too."""
    good = mailcordon("check-config", "--config-dir", config_directory, "--json", "--show")
    assert good.returncode == 0
    assert json.loads(good.stdout)["settings"]["mydomain"] == "example.test"
    (config_directory / "60-bad.toml").write_text("max_servers = -1\nno_such_setting = 1\n")
    bad = mailcordon("check-config", "--config-dir", config_directory, "--json")
    assert bad.returncode == 1
    errors = json.loads(bad.stdout)["errors"]
    assert len(errors) == 2
    assert all(str(config_directory / "60-bad.toml") in error for error in errors)


def test_show_names_where_a_value_comes_from(config_directory: Path) -> None:
    """Design, 'Configuration': the effective configuration on request."""
    shown = mailcordon("check-config", "--config-dir", config_directory, "--show").stdout.decode()
    (line,) = [line for line in shown.splitlines() if line.split()[:1] == ["bypass_virus_checks"]]
    assert "50-user.toml" in line
