"""Tables in files of their own (contract B3.11)."""

import logging
import os
from pathlib import Path

import pytest

from mailcordon.config.load import load
from mailcordon.config.lookup_parse import parse_lookup
from mailcordon.config.table_file import read_entries
from mailcordon.config.types import BOOLEANS, NUMBERS
from mailcordon.config.watched import watched_files
from mailcordon.errors import ConfigError


def test_lines() -> None:
    """Contract B3.11: an address a line, its value after blanks, 1 unless given; comments; quoted local parts."""
    text = '# comment\n\nbob@a.test 5\n  .b.test\t7.5 # why\n"odd # one"@c.test 2\n"q\\"x"@c.test\nplain.test\n'
    assert read_entries(text, float) == {
        "bob@a.test": 5,
        ".b.test": 7.5,
        "odd # one@c.test": 2,
        'q"x@c.test': 1,
        "plain.test": 1,
    }


def test_file_stands_for_a_table(tmp_path: Path) -> None:
    """Contract B3.11, B3.01: alone and among others."""
    (tmp_path / "levels").write_text("bob@a.test 5\neve@a.test undef\n")
    lookup = parse_lookup([{"hash_file": str(tmp_path / "levels")}, 9], NUMBERS)
    assert [lookup.find(address) for address in ("bob@a.test", "eve@a.test", "ann@a.test")] == [5, 9, 9]
    (tmp_path / "list").write_text("!bad.a.test\n.a.test # all others\n")
    access = parse_lookup({"acl_file": str(tmp_path / "list")}, BOOLEANS)
    assert [access.find(f"x@{domain}") for domain in ("bad.a.test", "b.a.test", "b.test")] == [False, True, None]


def test_change_of_the_file_takes_effect(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Contract B3.11: read again when it changes; a bad one is named in the log once, and the former one stays."""
    table = tmp_path / "levels"
    table.write_text("bob@a.test 5\n")
    (tmp_path / "50-user.toml").write_text(
        f'myhostname = "gate.example.test"\nspam_kill_level = {{ hash_file = "{table}" }}\n'
        f'[policy_bank.OWN]\nmynetworks = {{ file = "{tmp_path}/nets" }}\n'
    )
    (tmp_path / "nets").write_text("10/8 # ours\n")
    settings = load((tmp_path,)).settings
    (levels, networks) = watched_files(settings)
    assert not levels.refresh()
    table.write_text("bob@a.test 77\n")
    with caplog.at_level(logging.INFO):
        assert levels.refresh()
    assert settings.spam_kill_level.find("bob@a.test") == 77
    assert not levels.refresh()

    caplog.clear()
    table.write_text("bob@a.test much too much\n")
    assert not levels.refresh()
    assert not levels.refresh()
    assert [record.getMessage() for record in caplog.records] == [
        f"{table}: line 1: 'much too much' is not a number; the former one stays in force"
    ]
    assert settings.spam_kill_level.find("bob@a.test") == 77
    os.unlink(table)
    assert not levels.refresh()
    assert settings.spam_kill_level.find("bob@a.test") == 77

    (tmp_path / "nets").write_text("192.0.2.0/24\n")
    assert networks.refresh()
    own = settings.policy_bank["OWN"].members()["mynetworks"]
    assert own.contains("192.0.2.9")
    assert not own.contains("10.1.1.1")


@pytest.mark.parametrize(
    ("setting", "content", "reason"),
    [
        ("spam_kill_level = { hash_file = '%s' }", "a.test\nb.test x\n", "line 2: 'x' is not a number"),
        ("virus_lovers = { hash_file = '%s' }", "a.test maybe\n", "line 1: 'maybe' is not one of 1, true, yes"),
        ("mynetworks = { file = '%s' }", "10.0.0.0/99\n", "'10.0.0.0/99' is not a network"),
        ("virus_lovers = { acl_file = '%s' }", None, "cannot be read: No such file or directory"),
        ("spam_kill_level = { acl_file = '%s' }", "a.test\n", "unknown or misshapen lookup table 'acl_file'"),
    ],
)
def test_bad_files_are_found_at_the_start(tmp_path: Path, setting: str, content: str | None, reason: str) -> None:
    """Design rule 6: refused with file, key and reason."""
    if content is not None:
        (tmp_path / "table").write_text(content)
    (tmp_path / "50-user.toml").write_text(f'myhostname = "gate.example.test"\n{setting % (tmp_path / "table")}\n')
    with pytest.raises(ConfigError) as caught:
        load((tmp_path,))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{tmp_path / '50-user.toml'}")
    assert reason in problem


def test_relative_paths_are_refused() -> None:
    """Features 6.08: nothing depends on the directory that the daemon was started in."""
    with pytest.raises(ValueError, match="not an absolute path"):
        parse_lookup({"hash_file": "table"}, NUMBERS)
