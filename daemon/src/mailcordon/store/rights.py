"""The rights that accounts of a data base need, and no others (contracts B2.05, B2.15)."""

from collections.abc import Iterator
from enum import Enum

from mailcordon.store.migrate import Part
from mailcordon.store.shape import LOG_TABLES

LOOKUP_TABLES = ("users", "policy", "mailaddr", "wblist")
_ALL = "SELECT, INSERT, UPDATE, DELETE"
_SEQUENCES = {Part.LOG: ("maddr_id_seq",), Part.LOOKUP: ("users_id_seq", "policy_id_seq", "mailaddr_id_seq")}


class Duty(Enum):
    """What an account is for."""

    FILTER = "filter"
    """The daemon, and `mailcordon db purge`."""
    INTERFACE = "interface"
    """A web interface that shows the log and the quarantine, and notes in `msgrcpt.rs` what became of a mail."""
    POLICY = "policy"
    """Whoever keeps recipients and their policies."""


def rights(part: Part, duty: Duty) -> dict[str, str]:
    """What is allowed, by table; empty for an account that has nothing to do with this part."""
    match part, duty:
        case Part.LOG, Duty.FILTER:
            return dict.fromkeys(LOG_TABLES, _ALL) | {part.version_table: "SELECT"}
        case Part.LOG, Duty.INTERFACE:
            return dict.fromkeys(LOG_TABLES, "SELECT") | {"msgrcpt": "SELECT, UPDATE (rs)"}
        case Part.LOOKUP, Duty.FILTER:
            return dict.fromkeys((*LOOKUP_TABLES, part.version_table), "SELECT")
        case Part.LOOKUP, Duty.POLICY:
            return dict.fromkeys(LOOKUP_TABLES, _ALL)
    return {}


def grants(dialect: str, database: str, part: Part, duty: Duty, account: str, host: str) -> Iterator[str]:
    """The statements that give an account these rights, for the owner of the tables. `host`: from where it connects,
    which only MariaDB wants to know. Nothing for SQLite, where the mode of the file decides."""
    allowed = rights(part, duty)
    if not allowed or dialect == "sqlite":
        return
    if dialect == "postgresql":
        name = _quoted(account, '"')
        quoted = _quoted(database, '"')
        yield f"GRANT CONNECT ON DATABASE {quoted} TO {name};"
        yield f"GRANT USAGE ON SCHEMA public TO {name};"
        for table, what in allowed.items():
            yield f"GRANT {what} ON {table} TO {name};"
        if _ALL in allowed.values():
            for sequence in _SEQUENCES[part]:
                yield f"GRANT USAGE, UPDATE ON SEQUENCE {sequence} TO {name};"
        return
    name = "@".join(_quoted(text, "'") for text in (account, host))
    quoted = _quoted(database, "`")
    for table, what in allowed.items():
        yield f"GRANT {what} ON {quoted}.{table} TO {name};"


def _quoted(name: str, mark: str) -> str:
    escaped = name.replace("\\", "\\\\") if mark == "'" else name
    return f"{mark}{escaped.replace(mark, mark * 2)}{mark}"
