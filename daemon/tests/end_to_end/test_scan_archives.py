"""Mails with an archive of every kind, scanned as a user does it (issue 6, B12.05, B13.01, features 18.12)."""

import json
import subprocess
from email.message import EmailMessage
from pathlib import Path

import pytest

from packers import NAME, PACKERS

from .daemon import COMMAND

NAMES = [name for name in PACKERS if name != "clam.exe.uue"]
"""All but what is not opened as packaged (features 7.05)."""
TOLD = 20
"""Banned parts that are told of in one mail."""


@pytest.mark.parametrize("first", range(0, len(NAMES), TOLD))
def test_the_program_in_every_archive_is_banned(first: int, archives: dict[str, Path], tmp_path: Path) -> None:
    """By its type, whatever it is packed in; the tree of parts shows it below its archive."""
    configuration = tmp_path / "conf.d"
    configuration.mkdir()
    (configuration / "50-user.toml").write_text(
        f'myhostname = "gate.example.test"\nMYHOME = "{tmp_path}"\nav_scanners = []\nspam_scanners = []\n'
        "bypass_virus_checks = true\nbypass_spam_checks = true\nbanned_filename_re = ['^\\.exe$']\n"
    )
    (tmp_path / "tmp").mkdir()
    message = EmailMessage()
    message["From"], message["Date"] = "alice@sender.example", "Sun, 22 Nov 2026 12:00:00 +0000"
    message.set_content("One of each.")
    names = NAMES[first : first + TOLD]
    for name in names:
        message.add_attachment(
            archives[name].read_bytes(), maintype="application", subtype="octet-stream", filename=f"{name}.bin"
        )
    result = subprocess.run(
        [COMMAND, "scan", "--json", "--config-dir", configuration, "-"],
        input=message.as_bytes(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 1, result.stderr
    answer = json.loads(result.stdout)
    assert answer["category"] == "banned"
    programs = [part for part in answer["parts"] if "exe" in part["short_types"] and part["member"]]
    banned = {finding["part"] for finding in answer["findings"] if finding["category"] == "banned"}
    for number, name in enumerate(names, 2):
        inside = [part for part in programs if part["location"].startswith(f"1.{number}.")]
        assert any(NAME in part["names"][0].lower() for part in inside), name
        assert any(part["location"] in banned for part in inside), name
    assert not [finding for finding in answer["findings"] if finding["category"].startswith("unchecked")]
