"""Steps from tables as they are found to tables as they should be; each does nothing where there is nothing to do."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, Index, Table, inspect
from sqlalchemy.schema import CreateColumn

from mailcordon.store.migrate import Task
from mailcordon.store.shape import LOG_TABLES, columns_of, is_binary


def is_mysql(task: Task) -> bool:
    """MySQL or MariaDB."""
    return task.connection.dialect.name in ("mysql", "mariadb")


def is_postgresql(task: Task) -> bool:
    """PostgreSQL."""
    return task.connection.dialect.name == "postgresql"


def create_missing(task: Task, tables: Iterable[Table]) -> None:
    """Make the tables that are not there, with their indexes."""
    present = set(inspect(task.connection).get_table_names())
    for table in tables:
        if table.name not in present:
            table.create(task.connection)
            task.note(f"create table {table.name}")


def add_columns(task: Task, table: Table) -> None:
    """Add the columns that are not there, with their defaults."""
    present = columns_of(task.connection, table.name)
    for column in table.columns:
        if column.name not in present:
            definition = str(CreateColumn(column).compile(dialect=task.connection.dialect)).strip()
            definition = definition.replace("%%", "%")
            task.run(f"add {table.name}.{column.name}", f"ALTER TABLE {table.name} ADD COLUMN {definition}")


def binary_columns(task: Task, wanted: Mapping[str, Mapping[str, str]]) -> None:
    """Make columns of text binary. `wanted`: by table and column, how MariaDB is told (11.27); PostgreSQL has one type
    for all (11.28). A backslash is taken for one, not for the begin of an escape."""
    for name, columns in wanted.items():
        present = columns_of(task.connection, name)
        text = [column for column in columns if column in present and not is_binary(present[column])]
        if not text or not (is_mysql(task) or is_postgresql(task)):
            continue
        about = f"make {name}.{', '.join(text)} binary"
        if is_mysql(task):
            changes = ", ".join(f"MODIFY {column} {columns[column]}" for column in text)
        else:
            changes = ", ".join(_to_bytea(column) for column in text)
        task.run(about, f"ALTER TABLE {name} {changes}")


def _to_bytea(column: str) -> str:
    using = rf"decode(replace({column}, '\', '\\'), 'escape')"
    steps = [f"ALTER {column} DROP DEFAULT", f"ALTER {column} TYPE bytea USING {using}"]
    if column == "secret_id":
        steps.append(f"ALTER {column} SET DEFAULT ''")
    return ", ".join(steps)


def add_indexes(task: Task, table: Table) -> None:
    """Add the indexes that are not there."""
    for index in missing_indexes(task.connection, table):
        task.tell(f"create index {index.name} ...")
        index.create(task.connection)
        task.note(f"create index {index.name}")


def missing_indexes(connection: Connection, table: Table) -> list[Index]:
    """Those that are not there; one that begins with the same column, by any name, will do."""
    found = inspect(connection)
    first = {index["column_names"][0] for index in found.get_indexes(table.name) if index["column_names"]}
    first |= {unique["column_names"][0] for unique in found.get_unique_constraints(table.name)}
    key = found.get_pk_constraint(table.name)["constrained_columns"]
    first |= set(key[:1])
    is_postgresql = connection.dialect.name == "postgresql"
    return [
        index
        for index in sorted(table.indexes, key=lambda index: str(index.name))
        if index.columns[0].name not in first and (index.name != "msgs_idx_time_iso" or is_postgresql)
    ]


def foreign_keys(task: Task, *columns: str) -> list[str]:
    """Those of the log tables that have one of these columns; amavisd's schema has them commented out."""
    found = inspect(task.connection)
    return [
        f"{table}.{key['name']}"
        for table in LOG_TABLES
        for key in found.get_foreign_keys(table)
        if set(columns) & set(key["constrained_columns"])
    ]


def primary_key(task: Task, table: str) -> Sequence[str]:
    """Its columns."""
    return list(inspect(task.connection).get_pk_constraint(table)["constrained_columns"])
