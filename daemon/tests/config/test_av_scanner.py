"""Entries of virus scanners (B14.01): as packaged, and what is refused with one clear line each."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from mailcordon.config.av_scanner import AvScanner, ResultTest, found_program
from mailcordon.config.load import load
from mailcordon.errors import ConfigError

CLAMD = {"name": "a", "protocol": "clamd", "socket": "/run/clamd"}
PROGRAM = {
    "name": "a",
    "protocol": "command",
    "command": "scanner",
    "arguments": "-x {}",
    "clean": [0],
    "infected": [1],
}


def problems(tmp_path: Path, entry: Mapping[str, object], more: str = "") -> tuple[str, ...]:
    lines = [f"{key} = {value!r}" for key, value in entry.items()]
    text = "\n".join(['myhostname = "gate.example.test"', "[[av_scanners]]", *lines, more])
    (tmp_path / "50-user.toml").write_text(text)
    try:
        load((tmp_path,))
    except ConfigError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({**CLAMD, "socket": []}, "socket"),
        ({"name": "a", "protocol": "clamd"}, "a: socket is not set: the path of clamd's socket, or HOST:PORT"),
        ({**CLAMD, "socket": ["/run/clamd", "/run/clamd"]}, "a: socket names the same server twice"),
        ({**CLAMD, "clean": [0], "command": "x"}, 'a: clean, command does not go with protocol = "clamd"'),
        ({**CLAMD, "protocol": "milter"}, "'clamd' or 'command'"),
        ({**PROGRAM, "socket": "/run/x"}, 'a: socket does not go with protocol = "command", which has a program'),
        ({**PROGRAM, "command": []}, "a: command is not set: the name or path of the program"),
        ({**PROGRAM, "command": "bin/scanner"}, "'bin/scanner' is neither the name of a program nor an absolute path"),
        ({**PROGRAM, "arguments": "-x"}, "a: arguments: without {}, {}/* or * the program is not told what to scan"),
        ({**PROGRAM, "arguments": "{}/* *"}, "a: arguments: {}/* and * may stand once altogether"),
        ({**PROGRAM, "infected": []}, "a: clean and infected must both tell how the program's result is known"),
        ({**PROGRAM, "infected": [0, 1]}, "a: exit status 0 cannot be both clean and infected"),
        (
            {**PROGRAM, "infected": [256]},
            "[256] is neither a list of exit statuses (0 to 255) nor a regular expression",
        ),
        ({**PROGRAM, "infected": "("}, "regular expression '('"),
        ({**PROGRAM, "virus_name": "(a+)+$"}, "it may take without end"),
        ({**PROGRAM, "environment": {}, "name": ""}, "at least 1 character"),
    ],
)
def test_refused(tmp_path: Path, entry: dict[str, object], reason: str) -> None:
    (problem,) = problems(tmp_path, {key: value for key, value in entry.items() if value != {}})
    assert problem.startswith(f"{tmp_path}/50-user.toml:")
    assert reason in problem
    assert "\n" not in problem


@pytest.mark.parametrize("entry", [CLAMD, PROGRAM, {**CLAMD, "socket": ["/run/clamd", "192.0.2.5:3310"]}])
def test_twins_are_accepted(tmp_path: Path, entry: dict[str, object]) -> None:
    assert problems(tmp_path, entry) == ()


def test_same_name_twice(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, CLAMD, '[[av_scanners]]\nname = "a"\nprotocol = "clamd"\nsocket = "/run/other"')
    assert "two scanners are called 'a'" in problem


def test_unknown_key(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, {**PROGRAM, "argument": "{}"})
    assert "did you mean arguments?" in problem


def test_packaged(tmp_path: Path) -> None:
    """Features 5.27, 7.02, 7.03: those that amavisd looks for, with clamscan and others as backup only."""
    (tmp_path / "50-user.toml").write_text('myhostname = "gate.example.test"\n')
    settings = load((tmp_path,)).settings
    assert [scanner.name for scanner in settings.av_scanners] == [
        "ClamAV-clamd",
        "KasperskyLab AVP - aveclient",
        "MkS_Vir for Linux (beta)",
        "CyberSoft VFind",
    ]
    backup = {scanner.name: scanner for scanner in settings.av_scanners_backup}
    assert list(backup) == [
        "ClamAV-clamscan",
        "FRISK F-Prot Antivirus",
        "Trend Micro FileScanner",
        "drweb - DrWeb Antivirus",
        "KasperskyLab kavscanner",
    ]
    clamscan = backup["ClamAV-clamscan"]
    assert (clamscan.processes, clamscan.scan) == (1, "parts")
    assert [(clamscan.clean.holds(status, ""), clamscan.infected.holds(status, "")) for status in (0, 1, 2)] == [
        (True, False),
        (False, True),
        (False, False),
    ]
    by_file = [scanner.name for scanner in (*settings.av_scanners, *backup.values()) if "{}/*" in scanner.arguments]
    assert by_file == [
        "KasperskyLab AVP - aveclient",
        "MkS_Vir for Linux (beta)",
        "CyberSoft VFind",
        "KasperskyLab kavscanner",
    ]


@pytest.mark.parametrize(
    ("name", "line", "found"),
    [
        ("ClamAV-clamscan", "/tmp/x/parts/p001: Win.Test-1 FOUND", "Win.Test-1"),
        ("KasperskyLab AVP - aveclient", "/x/p001 INFECTED EICAR-Test-File", "EICAR-Test-File"),
        ("MkS_Vir for Linux (beta)", "--\tEicar.Test", "Eicar.Test"),
        ("CyberSoft VFind", "##==>>>> VIRUS ID: CVDL EICAR", "EICAR"),
        ("FRISK F-Prot Antivirus", "/x/p001  Infection: EICAR_Test_File", "EICAR_Test_File"),
        ("Trend Micro FileScanner", "Found virus Eicar_test_file in /x/p001", "Eicar_test_file"),
        ("drweb - DrWeb Antivirus", "/x/p001 infected with EICAR Test File", "EICAR Test File"),
    ],
)
def test_packaged_names(tmp_path: Path, name: str, line: str, found: str) -> None:
    (tmp_path / "50-user.toml").write_text('myhostname = "gate.example.test"\n')
    settings = load((tmp_path,)).settings
    (scanner,) = (one for one in (*settings.av_scanners, *settings.av_scanners_backup) if one.name == name)
    assert scanner.virus_name is not None
    match = scanner.virus_name.search(line)
    assert match is not None
    assert match[1] == found


def test_search(tmp_path: Path) -> None:
    """Features 5.06, 5.07: nothing outside `path`, and of several names the first."""
    for directory, name in (("one", "b"), ("two", "a"), ("two", "b")):
        (tmp_path / directory).mkdir(exist_ok=True)
        (tmp_path / directory / name).touch(mode=0o755)
    scanner = AvScanner.model_validate({**PROGRAM, "command": ["a", "b"]})
    assert found_program(scanner, f"{tmp_path}/one:{tmp_path}/two") == f"{tmp_path}/two/a"
    assert found_program(scanner, f"{tmp_path}/one") == f"{tmp_path}/one/b"
    assert found_program(scanner, f"{tmp_path}/three") is None
    absolute = AvScanner.model_validate({**PROGRAM, "command": str(tmp_path / "two" / "a")})
    assert found_program(absolute, "/nowhere") == f"{tmp_path}/two/a"


def test_long_lines_do_not_keep_an_expression_busy() -> None:
    """Of a long line its beginning and its end are looked at."""
    test = ResultTest.parse("x FOUND$")
    assert test.holds(0, "y" * 1_000_000 + "x FOUND\n")
    assert not test.holds(0, "y" * 1_000_000 + "\n")
