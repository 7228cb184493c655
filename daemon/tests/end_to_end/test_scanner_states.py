"""`mailcordon check-config --scanners` (features 1.03, 5.27, 7.02)."""

import json
import subprocess
from pathlib import Path

from servers import Clamd

from .daemon import COMMAND

ENTRY = '[[{tier}]]\nname = "{name}"\nprotocol = "clamd"\nsocket = "{socket}"\n'


def ask(directory: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    start = f'myhostname = "gate.example.test"\nMYHOME = "{directory}"\nspam_scanners = []\n'
    (directory / "50-user.toml").write_text(start + text)
    command = [str(COMMAND), "check-config", "--config-dir", str(directory), "--scanners", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_states(clamd: Clamd, tmp_path: Path) -> None:
    """A host where only a backup scanner answers is not good; with a primary one it is."""
    checked = "bypass_virus_checks = false\n"
    gone = ENTRY.format(tier="av_scanners", name="gone", socket="/nonexistent/clamd")
    spare = ENTRY.format(tier="av_scanners_backup", name="spare", socket=clamd.path)
    result = ask(tmp_path, checked + gone + spare)
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        "No answer from primary scanner gone: clamd at /nonexistent/clamd: No such file or directory",
        "Using secondary internal av scanner code for spare",
    ]
    assert result.stderr == "mailcordon: no primary virus scanner answers\n"
    here = ENTRY.format(tier="av_scanners", name="here", socket=clamd.path)
    assert ask(tmp_path, checked + here + gone + spare).returncode == 0


def test_nobody_wants_them(tmp_path: Path) -> None:
    """As packaged virus checks are off: then it does not matter."""
    gone = ENTRY.format(tier="av_scanners", name="gone", socket="/nonexistent/clamd")
    result = ask(tmp_path, f"av_scanners_backup = []\n{gone}", "--json")
    assert result.returncode == 0
    state = {"name": "gone", "tier": "primary", "address": "/nonexistent/clamd", "ok": False}
    assert json.loads(result.stdout) == {"ok": True, "scanners": [state]}


def test_as_packaged(tmp_path: Path) -> None:
    """Features 5.27, 7.02: what this host does not have is named by tier."""
    lines = ask(tmp_path, 'path = "/nowhere"\n').stdout.splitlines()
    assert "No primary av scanner: CyberSoft VFind" in lines
    assert "No secondary av scanner: ClamAV-clamscan" in lines
    (tmp_path / "clamscan").write_text("#!/bin/sh\n")
    (tmp_path / "clamscan").chmod(0o755)
    found = f"Found secondary av scanner ClamAV-clamscan at {tmp_path}/clamscan"
    assert found in ask(tmp_path, f'path = "{tmp_path}"\n').stdout.splitlines()
