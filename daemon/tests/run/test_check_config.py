"""`mailcordon check-config` as a user calls it, and the same checks at the start of the daemon."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailcordon.cli.main import main
from mailcordon.config.load import load
from mailcordon.config.retired import RETIRED
from mailcordon.config.schema import json_schema
from mailcordon.errors import ConfigError
from mailcordon.run.account import Account
from mailcordon.run.settings_checks import check_settings


@pytest.fixture
def fragment(tmp_path: Path) -> Path:
    path = tmp_path / "50-user.toml"
    path.write_text(f'myhostname = "gate.example.test"\nMYHOME = "{tmp_path}"\n')
    return path


def check(fragment: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["check-config", "--config-dir", str(fragment.parent), *options])


def test_warnings_are_no_errors(fragment: Path) -> None:
    """Features 17.01: exit status 0; on standard error for people, in a list of its own in JSON."""
    good = check(fragment)
    assert (good.exit_code, good.stderr) == (0, "")
    fragment.write_text(fragment.read_text() + 'final_virus_destiny = "pass"\nsa_timeout = 30\n')
    lines = [
        f"{fragment}:4: sa_timeout: has no meaning any more: {RETIRED['sa_timeout']}",
        f"{fragment}:3: final_virus_destiny: infected mail reaches its recipients",
    ]
    result = check(fragment)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [f"warning: {line}" for line in lines]
    assert result.stdout == good.stdout
    assert json.loads(check(fragment, "--json").stdout)["warnings"] == lines


def test_show_names_file_and_line(fragment: Path) -> None:
    """Issue 5: the effective configuration and where each value came from."""
    fragment.write_text(fragment.read_text() + "\n[policy_bank.A]\nspam_kill_level = 9\n")
    shown = json.loads(check(fragment, "--json", "--show").stdout)
    assert shown["origins"]["MYHOME"] == f"{fragment}:2"
    assert "20-debian_defaults.toml:" in shown["origins"]["spam_kill_level"]
    assert "mydomain" not in shown["origins"]
    under = json.loads(check(fragment, "--json", "--bank", "A").stdout)
    assert (under["settings"]["spam_kill_level"], under["origins"]["spam_kill_level"]) == (9, f"{fragment}:5")
    lines = check(fragment, "--show").stdout.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("MYHOME ")] == ["50-user.toml:2"]


def test_schema(fragment: Path) -> None:
    """Issue 5: for editors; whatever the configuration is like."""
    fragment.write_text("= nonsense")
    result = check(fragment, "--schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json_schema()


def test_errors_of_all_rooms_at_once(fragment: Path) -> None:
    """Design rule 6: faults, contradictions and unusable files in one list, each with its line."""
    lines = ["max_servers = -1", "spam_quarantine_cutoff_level = 5", 'tls_security_level_in = "may"']
    lines += ['smtpd_tls_cert_file = "/nonexistent/cert"', 'smtpd_tls_key_file = "/nonexistent/key"']
    lines += ['virus_lovers = { hash_file = "/nonexistent/table" }', "warnvirussender = true"]
    fragment.write_text(fragment.read_text() + "\n".join(lines))
    result = check(fragment, "--json")
    assert result.exit_code == 1
    keys = [error.removeprefix(f"{fragment}:").split(": ")[:2] for error in json.loads(result.stdout)["errors"]]
    assert sorted(keys) == [
        ["3", "max_servers"],
        ["4", "spam_quarantine_cutoff_level"],
        ["6", "smtpd_tls_cert_file"],
        ["7", "smtpd_tls_key_file"],
        ["8", "virus_lovers"],
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="asks what another account may read")
def test_tables_that_the_daemon_cannot_read(fragment: Path, tmp_path: Path) -> None:
    """Issue 5: root reads the table at the start, and the daemon would never see a change of it."""
    table = tmp_path / "table"
    table.write_text("bob@example.test\n")
    tmp_path.chmod(0o755)
    fragment.write_text(fragment.read_text() + f'[policy_bank.A]\nvirus_lovers = {{ hash_file = "{table}" }}\n')
    account = Account.named("daemon")
    table.chmod(0o644)
    check_settings(load((tmp_path,)), account)
    table.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        check_settings(load((tmp_path,)), account)
    assert caught.value.problems == (f"{fragment}:3: policy_bank: {table}: cannot be read by daemon",)
