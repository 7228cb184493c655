"""Makes the tables of recipients and policies, or adds what older ones lack (features 11.10, 11.27, 11.28)."""

from mailcordon.store.adopting import add_columns, binary_columns, create_missing
from mailcordon.store.lookup_tables import lookup_tables
from mailcordon.store.migrate import Task


def adopt(task: Task) -> None:
    """Columns of other programs stay."""
    tables = lookup_tables(allow_8bit=task.allow_8bit)
    create_missing(task, tables.all)
    for table in (tables.policy, tables.users, tables.mailaddr):
        add_columns(task, table)
    if task.allow_8bit:
        binary_columns(
            task, {"users": {"email": "varbinary(255) NOT NULL"}, "mailaddr": {"email": "varbinary(255) NOT NULL"}}
        )
