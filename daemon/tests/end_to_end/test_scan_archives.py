"""Mails with an archive of every kind, scanned as a user does it (issue 6, B12.05, B13.01, features 18.12)."""

import json
import subprocess
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from clamav_testfiles import FILES, NOT_OPENED, TEXTS
from packers import NAME, PACKERS

from .daemon import COMMAND

NAMES = [name for name in PACKERS if name != "clam.exe.uue"]
"""All but what is not opened as packaged (features 7.05)."""
TOLD = 20
"""Banned parts that are told of in one mail."""


FROM_DEBIAN = sorted(FILES.keys() - NOT_OPENED.keys() - TEXTS)
"""Files of Debian's package clamav-testfiles, each of which hides the program."""


def scanned(directory: Path, attachments: Mapping[str, bytes]) -> Any:
    """What `mailcordon scan --json` says of a mail with those, while `.exe` is banned and nothing else looked for."""
    configuration = directory / "conf.d"
    configuration.mkdir()
    (configuration / "50-user.toml").write_text(
        f'myhostname = "gate.example.test"\nMYHOME = "{directory}"\nav_scanners = []\nspam_scanners = []\n'
        "bypass_virus_checks = true\nbypass_spam_checks = true\nbanned_filename_re = ['^\\.exe$']\n"
    )
    (directory / "tmp").mkdir()
    message = EmailMessage()
    message["From"], message["Date"] = "alice@sender.example", "Sun, 22 Nov 2026 12:00:00 +0000"
    message.set_content("One of each.")
    for name, octets in attachments.items():
        message.add_attachment(octets, maintype="application", subtype="octet-stream", filename=f"{name}.bin")
    result = subprocess.run(
        [COMMAND, "scan", "--json", "--config-dir", configuration, "-"],
        input=message.as_bytes(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 1, result.stderr
    return json.loads(result.stdout)


def banned_programs(answer: Any, number: int) -> list[str]:
    """Names of the programs inside of that part that a rule bans."""
    banned = {finding["part"] for finding in answer["findings"] if finding["category"] == "banned"}
    return [
        "".join(part["names"]).lower()
        for part in answer["parts"]
        if part["member"] and "exe" in part["short_types"] and part["location"] in banned
        if part["location"].startswith(f"1.{number}.")
    ]


@pytest.mark.parametrize("first", range(0, len(NAMES), TOLD))
def test_the_program_in_every_archive_is_banned(first: int, archives: dict[str, Path], tmp_path: Path) -> None:
    """By its type, whatever it is packed in; the tree of parts shows it below its archive."""
    names = NAMES[first : first + TOLD]
    answer = scanned(tmp_path, {name: archives[name].read_bytes() for name in names})
    assert answer["category"] == "banned"
    for number, name in enumerate(names, 2):
        assert any(NAME in program for program in banned_programs(answer, number)), name
    assert not [finding for finding in answer["findings"] if finding["category"].startswith("unchecked")]


@pytest.mark.parametrize("first", range(0, len(FROM_DEBIAN), TOLD // 2))
def test_the_program_in_every_file_of_debian_is_banned(first: int, tmp_path: Path) -> None:
    """The files that ClamAV is tested with; in some of them the program has another name, or none."""
    names = FROM_DEBIAN[first : first + TOLD // 2]
    answer = scanned(tmp_path, {name: FILES[name].read_bytes() for name in names})
    assert answer["category"] == "banned"
    for number, name in enumerate(names, 2):
        assert banned_programs(answer, number), name


def test_what_does_not_come_out_is_banned_as_it_is_or_told(tmp_path: Path) -> None:
    """No archive of them is taken for opened: programs are banned themselves, the rest stays what the list says."""
    files = {name: FILES[name].read_bytes() for name in sorted(NOT_OPENED)}
    answer = scanned(tmp_path, files)
    parts = {part["location"]: part for part in answer["parts"]}
    for number, name in enumerate(files, 2):
        assert ("exe" in parts[f"1.{number}"]["short_types"]) is name.endswith(".exe"), name
    unchecked = {finding["part"] for finding in answer["findings"] if finding["category"].startswith("unchecked")}
    told = {
        name for number, name in enumerate(files, 2) if any(f"{part}.".startswith(f"1.{number}.") for part in unchecked)
    }
    assert {"clam.sis", "clam_cache_emax.tgz"} <= told
