"""The rights that accounts of a data base need, and no others (contracts B2.05, B2.15)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from mailcordon.store.migrate import Part
from mailcordon.store.partition_functions import SIGNATURES
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


@dataclass(frozen=True, slots=True)
class Grant:
    """What is allowed with some objects of one kind."""

    kind: str
    """`table`, `sequence` or `function`."""
    objects: tuple[str, ...]
    """Functions with the types of their arguments."""
    rights: tuple[str, ...]


def grants(dialect: str, part: Part, duty: Duty, *, partitioned: bool = False) -> Iterator[Grant]:
    """The same for all objects that a data base of this kind has, objects with equal rights together. Nothing for
    SQLite, where the mode of the file decides. `partitioned`: also what makes and drops partitions by tag."""
    allowed = rights(part, duty)
    if dialect == "sqlite":
        return
    for what in dict.fromkeys(allowed.values()):
        yield Grant("table", tuple(table for table in allowed if allowed[table] == what), tuple(what.split(", ")))
    if dialect != "postgresql":
        return
    if _ALL in allowed.values():
        yield Grant("sequence", _SEQUENCES[part], ("USAGE", "UPDATE"))
    if partitioned and part is Part.LOG and duty is Duty.FILTER:
        yield Grant("function", SIGNATURES, ("EXECUTE",))


def statements(dialect: str, database: str, allowed: Sequence[Grant], account: str, host: str) -> Iterator[str]:
    """What gives an account these rights, for the owner of the tables. `host`: from where it connects, which only
    MariaDB wants to know."""
    if not allowed:
        return
    if dialect == "postgresql":
        name = _quoted(account, '"')
        quoted = _quoted(database, '"')
        yield f"GRANT CONNECT ON DATABASE {quoted} TO {name};"
        yield f"GRANT USAGE ON SCHEMA public TO {name};"
        place = ""
    else:
        name = "@".join(_quoted(text, "'") for text in (account, host))
        place = _quoted(database, "`") + "."
    for grant in allowed:
        what = ", ".join(grant.rights)
        kind = "" if grant.kind == "table" else f"{grant.kind.upper()} "
        for one in grant.objects:
            yield f"GRANT {what} ON {kind}{place}{one} TO {name};"


def _quoted(name: str, mark: str) -> str:
    escaped = name.replace("\\", "\\\\") if mark == "'" else name
    return f"{mark}{escaped.replace(mark, mark * 2)}{mark}"
