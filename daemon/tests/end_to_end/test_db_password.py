"""`mailcordon db` as an account with more rights, whose password no list of processes shows."""

import json
import subprocess
from pathlib import Path

import pytest

from databases import DatabaseServer

from .daemon import COMMAND

ACCOUNT, PASSWORD = "owner", 'it\'s a "secret" # of 100%'


@pytest.fixture
def dsn(mariadb: DatabaseServer) -> str:
    """A new data base, and the account that owns it."""
    url = mariadb.create()
    name = url.rpartition("/")[2]
    quoted = PASSWORD.replace("'", "''")
    mariadb.run_sql(
        f"CREATE OR REPLACE USER {ACCOUNT}@'127.0.0.1' IDENTIFIED BY '{quoted.replace('%', '%%')}'",
        f"GRANT ALL ON {name}.* TO {ACCOUNT}@'127.0.0.1'",
    )
    return url.replace("root@", f"{ACCOUNT}@")


@pytest.fixture
def fragments(tmp_path: Path) -> Path:
    """A configuration whose own account may do less."""
    directory = tmp_path / "conf.d"
    directory.mkdir()
    (directory / "50-sql.toml").write_text(
        'myhostname = "gate.example.com"\nstorage_sql_dsn = "postgresql://x@127.0.0.1:1/x"\n'
    )
    return directory


def run(fragments: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(COMMAND), "db", "--config-dir", str(fragments), "--user", "root", "--json", *words, "upgrade"]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=60)


def test_password_of_standard_input(fragments: Path, dsn: str) -> None:
    done = run(fragments, "--dsn", dsn, "--password-file", "-", given=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["databases"]
    assert (result["part"], bool(result["changes"])) == ("log", True)
    assert PASSWORD not in done.stdout


def test_password_of_a_file(fragments: Path, dsn: str, tmp_path: Path) -> None:
    """Only root may read it; its own rights are given up after that."""
    file = tmp_path / "password"
    file.write_text(PASSWORD)
    file.chmod(0o600)
    assert run(fragments, "--dsn", dsn, "--password-file", str(file)).returncode == 0


@pytest.mark.parametrize("given", ["", "something else\n"])
def test_wrong_password(fragments: Path, dsn: str, given: str) -> None:
    done = run(fragments, "--dsn", dsn, "--password-file", "-", given=given)
    assert done.returncode == 69
    assert "Access denied" in done.stderr


def test_password_without_an_account(fragments: Path) -> None:
    done = run(fragments, "--password-file", "-", given=PASSWORD)
    assert done.returncode == 2
    assert "--password-file goes with --dsn" in done.stderr
