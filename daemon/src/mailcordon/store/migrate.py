"""Brings a data base up to date (`mailcordon db upgrade`): alembic's migrations, run from within the program."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

Tell = Callable[[str], None]


class Part(Enum):
    """What a data base may hold; values are the names of its migrations."""

    LOG = "log"
    """Mail log and quarantine."""
    LOOKUP = "lookup"
    """Recipients and policies."""

    @property
    def version_table(self) -> str:
        """Where the state of the migrations stands."""
        return f"mailcordon_{self.value}_version"


@dataclass(slots=True)
class Task:
    """One upgrade, as the migrations see it."""

    connection: Connection
    allow_8bit: bool
    partitioned: bool
    tell: Tell
    done: list[str] = field(default_factory=list)
    """What was changed, in order, for people."""

    def run(self, text: str, *statements: str) -> None:
        """Carry the statements out, and say what they are for."""
        self.tell(text)
        for statement in statements:
            self.connection.exec_driver_sql(statement)
        self.done.append(text)

    def note(self, text: str) -> None:
        """Something was done already."""
        self.tell(text)
        self.done.append(text)


def upgrade(
    connection: Connection, part: Part, *, allow_8bit: bool, partitioned: bool = False, tell: Tell = lambda _text: None
) -> list[str]:
    """Do what is to be done; gives what was done, nothing if all was well already. Raises what SQLAlchemy raises.

    The caller commits. It may be broken off and run again: where the data base cannot take back what it did to tables
    (MariaDB), the next run goes on from there.
    """
    task = Task(connection, allow_8bit, partitioned, tell)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = _config(part)
    config.attributes.update(
        connection=connection,
        version_table=part.version_table,
        transactional=connection.dialect.name == "postgresql",
        task=task,
    )
    command.upgrade(config, "head")
    return task.done


def version(connection: Connection, part: Part) -> tuple[str | None, str | None]:
    """The state of the data base, None for one that was never upgraded, and the newest one."""
    context = MigrationContext.configure(connection, opts={"version_table": part.version_table})
    return context.get_current_revision(), ScriptDirectory.from_config(_config(part)).get_current_head()


def _config(part: Part) -> Config:
    directory = files("mailcordon.store") / "migrations"
    config = Config()
    config.set_main_option("script_location", str(directory))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(directory / part.value))
    return config
