"""Old files leave the quarantine (features 18.20, checklist 25; contracts B10.05, B10.06)."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailcordon.act.quarantine_purge import purge_files
from mailcordon.config.settings import Settings

MakeSettings = Callable[..., Settings]
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
CLEAN, VIRUS, SPAM = b"", b"X-Amavis-Alert: INFECTED, message contains virus:\r\n Eicar\r\n", b"X-Spam-Flag: YES\r\n"
PROGRAM = Path(sys.executable).with_name("mailcordon")


def copy(kind: bytes = VIRUS) -> bytes:
    """As the filter keeps it."""
    return b"Return-Path: <>\r\nX-Quarantine-ID: <abcdefghijkl>\r\n" + kind + b"Subject: s\r\n\r\nbody\r\n"


def put(settings: Settings, name: str, octets: bytes, days: float) -> Path:
    """A file that was last changed so many days ago."""
    path = settings.QUARANTINEDIR / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(octets)
    seconds = (NOW - timedelta(days=days)).timestamp()
    os.utime(path, (seconds, seconds))
    return path


def left(settings: Settings) -> set[str]:
    """Names of all files."""
    return {
        str(path.relative_to(settings.QUARANTINEDIR)) for path in settings.QUARANTINEDIR.rglob("*") if path.is_file()
    }


def test_old_files_go(make_settings: MakeSettings, tmp_path: Path) -> None:
    """Features 18.20, B10.05: by the retention of their contents; plain, packed, and in directories by tag."""
    settings = make_settings(
        quarantine_retention_days=20,
        quarantine_retention_days_by_ccat={"VIRUS": 30, "SPAM": 5, "BANNED": 0, "CLEAN": 1},
    )
    put(settings, "a/virus-old", copy(), 31)
    put(settings, "W48/spam/k/old.gz", gzip.compress(copy(SPAM)), 6)
    put(settings, "b/spam-batch", b"EHLO x\r\nMAIL FROM:<>\r\nDATA\r\n" + copy(SPAM) + b".\r\nQUIT\r\n", 6)
    put(settings, "c/unknown-old", copy(CLEAN), 21)
    stay = {
        "a/virus-new": put(settings, "a/virus-new", copy(), 29),
        "W48/spam/k/new.gz": put(settings, "W48/spam/k/new.gz", gzip.compress(copy(SPAM)), 4),
        "c/unknown-new": put(settings, "c/unknown-new", copy(CLEAN), 19),
        "banned-x": put(settings, "banned-x", copy(b"X-Amavis-Alert: BANNED, message contains .exe\r\n"), 900),
        "README": put(settings, "README", b"Keep me.\n", 900),
        "spam.mbox": put(settings, "spam.mbox", b"From x Sun Nov 29 12:00:00 2026\n" + copy(SPAM), 900),
        "d/.virus.tmp": put(settings, "d/.virus.tmp", copy(), 900),
    }
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "virus-x").write_bytes(copy())
    os.utime(elsewhere / "virus-x", (0, 0))
    (settings.QUARANTINEDIR / "link").symlink_to(elsewhere)
    (settings.QUARANTINEDIR / "virus-link").symlink_to(elsewhere / "virus-x")
    problems: list[str] = []
    would = purge_files(settings, NOW, problem=problems.append, dry_run=True)
    assert would.files == 4
    assert len(left(settings)) == len(stay) + 5
    assert purge_files(settings, NOW, problem=problems.append) == would
    assert left(settings) == {*stay, "virus-link"}
    assert (elsewhere / "virus-x").exists()
    assert problems == []


def test_nothing_goes_without_a_retention(make_settings: MakeSettings) -> None:
    """Features 18.20: 0 means for ever."""
    settings = make_settings(quarantine_retention_days=0)
    put(settings, "virus-old", copy(), 10_000)
    assert purge_files(settings, NOW, problem=pytest.fail).files == 0
    assert left(settings) == {"virus-old"}


def test_command(make_settings: MakeSettings, tmp_path: Path) -> None:
    """Checklist 25: recent copies are kept, old ones go; a file that cannot be read is told, with an exit status."""
    settings = make_settings()
    put(settings, "a/virus-old", copy(), 400)
    put(settings, "a/virus-broken.gz", gzip.compress(copy())[:-20], 400)
    (settings.QUARANTINEDIR / "a" / "virus-new").write_bytes(copy())
    directory = tmp_path / "conf.d"
    directory.mkdir()
    (directory / "50-user.toml").write_text(f'myhostname = "gate.example.test"\nMYHOME = "{tmp_path}"\n')
    line = [str(PROGRAM), "quarantine", "--config-dir", str(directory), "--user", "root", "purge", "--json"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["ok"], facts["files"]) == (1, False, 1)
    assert "virus-broken.gz" in done.stderr
    assert left(settings) == {"a/virus-broken.gz", "a/virus-new"}
