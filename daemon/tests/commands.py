"""`mailcordon` as a program, with the configuration of a test that names a data base."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from databases import Database

PROGRAM = Path(sys.executable).with_name("mailcordon")
ACCOUNT = "root" if os.geteuid() == 0 else ""


@dataclass(frozen=True)
class Done:
    """How it ended."""

    status: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        """What it printed for programs."""
        return json.loads(self.output)


Command = Callable[..., Done]
MakeCommand = Callable[..., Command]
"""Takes the data base, and further settings."""


@pytest.fixture
def command(tmp_path: Path) -> MakeCommand:
    """Runs the program with these settings; subcommands of `db` print JSON unless `as_text` is given."""

    def make(database: Database, settings: str = "") -> Command:
        directory = tmp_path / "conf.d"
        directory.mkdir(exist_ok=True)
        (tmp_path / "virusmails").mkdir(exist_ok=True)
        (directory / "50-user.toml").write_text(
            f'myhostname = "gate.example.test"\nMYHOME = "{tmp_path}"\nstorage_sql_dsn = "{database.url}"\n{settings}\n'
        )

        def run(group: str, *arguments: str, as_text: bool = False) -> Done:
            line = [str(PROGRAM), group, "--config-dir", str(directory)]
            line += ["--user", ACCOUNT] if ACCOUNT else []
            line += ["--json"] if group == "db" and not as_text else []
            done = subprocess.run([*line, *arguments], capture_output=True, text=True, timeout=120, check=False)
            return Done(done.returncode, done.stdout, done.stderr)

        return run

    return make
