"""What is loaded for data bases, and where: memory is shared with the workers, and costs nothing without them."""

import subprocess
import sys

import pytest

_LOADED = """
import sys
from mailcordon.config import load
from mailcordon.config.settings import Settings
from mailcordon.run.databases import load_libraries
from mailcordon.run import supervisor, worker
values, _ = load.merge(load.fragments(load.packaged_directory(), []), [], [])
settings = Settings.model_validate({**values, "myhostname": "gate.example.test", **{overrides}})
load_libraries(settings)
print(*sorted({"sqlalchemy", "alembic", "psycopg", "pymysql"} & sys.modules.keys()))
"""


@pytest.mark.parametrize(
    ("overrides", "loaded"),
    [
        ({}, ""),
        ({"storage_sql_dsn": "sqlite:////nowhere/mail.db"}, "sqlalchemy"),
        ({"lookup_sql_dsn": "postgresql://host/mail"}, "psycopg sqlalchemy"),
    ],
)
def test_libraries_of_data_bases(overrides: dict[str, str], loaded: str) -> None:
    """The supervisor loads what the workers need of SQL and nothing else: alembic is for changes of tables."""
    program = _LOADED.replace("{overrides}", repr(overrides))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == loaded
