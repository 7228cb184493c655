"""Makes the tables of the mail log and the quarantine, or gives older ones their present form."""

from mailcordon.store.adopting import add_columns, add_indexes, create_missing
from mailcordon.store.log_tables import log_tables
from mailcordon.store.migrate import Task


def adopt(task: Task) -> None:
    """Columns of other programs stay."""
    tables = log_tables(allow_8bit=task.allow_8bit, partitioned=task.partitioned)
    create_missing(task, tables.all)
    for table in tables.all:
        add_columns(task, table)
        add_indexes(task, table)
