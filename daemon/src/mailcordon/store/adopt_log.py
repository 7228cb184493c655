"""Makes the tables of the mail log and the quarantine, or gives older ones their present form.

Those of amavisd-new 2.5.4 to 2.13 are known (features 11.10 to 11.12, 11.20, 11.21, 11.27, 11.28; B2.13). What is
there already is not done again, so that an upgrade that was broken off goes on from there.
"""

from sqlalchemy import inspect

from mailcordon.store.adopting import (
    add_columns,
    add_indexes,
    binary_columns,
    create_missing,
    foreign_keys,
    is_mysql,
    is_postgresql,
    primary_key,
)
from mailcordon.store.log_tables import log_tables
from mailcordon.store.migrate import Task
from mailcordon.store.partitions import Partitions
from mailcordon.store.shape import columns_of

_KEY = "partition_tag, mail_id"
_BINARY_ADDRESS = "varbinary(255) NOT NULL"
_BINARY_ID = "varbinary(16) NOT NULL"
_OLD_CODES = {"s": "Y", "t": "T"}
"""Codes of amavisd-new 2.6 and those of today (B2.10)."""
_IDS = {"msgs": "sid", "msgrcpt": "rid"}


def adopt(task: Task) -> None:
    """Columns of other programs stay."""
    tables = log_tables(allow_8bit=task.allow_8bit, partitioned=task.partitioned)
    create_missing(task, tables.all)
    if Partitions.are_in(task.connection):
        # Mail must find a place before anybody has made the partition of its tag.
        for name in Partitions(task.connection).make([]):
            task.note(f"create table {name}")
    for table in tables.all:
        add_columns(task, table)
    _tags_everywhere(task)
    _binary(task)
    if is_mysql(task):
        _mysql_types(task)
    _codes(task)
    _key_of_addresses(task)
    _number_recipients(task)
    _keys_with_tag(task)
    for table in tables.all:
        add_indexes(task, table)


def _tags_everywhere(task: Task) -> None:
    """A key may not hold NULL."""
    for table in ("msgs", "msgrcpt", "quarantine"):
        column = next(
            column for column in inspect(task.connection).get_columns(table) if column["name"] == "partition_tag"
        )
        if column["nullable"]:
            fill = f"UPDATE {table} SET partition_tag = 0 WHERE partition_tag IS NULL"  # noqa: S608
            if is_postgresql(task):
                change = f"ALTER TABLE {table} ALTER partition_tag SET NOT NULL"
            elif is_mysql(task):
                kind = column["type"].compile(dialect=task.connection.dialect)
                change = f"ALTER TABLE {table} MODIFY partition_tag {kind} DEFAULT 0 NOT NULL"
            else:
                continue
            task.run(f"{table}.partition_tag is never NULL", fill, change)


def _binary(task: Task) -> None:
    if foreign_keys(task, "mail_id"):
        task.tell("ids keep their type: foreign keys refer to them")
    else:
        binary_columns(
            task,
            {
                "msgs": {"mail_id": _BINARY_ID, "secret_id": "varbinary(16) DEFAULT ''"},
                "msgrcpt": {"mail_id": _BINARY_ID},
                "quarantine": {"mail_id": _BINARY_ID},
            },
        )
    binary_columns(task, {"quarantine": {"mail_text": "blob NOT NULL"}})
    if is_mysql(task):
        binary_columns(task, {"msgs": {"quar_loc": "varbinary(255) DEFAULT ''"}})
    if task.allow_8bit:
        binary_columns(task, {"maddr": {"email": _BINARY_ADDRESS}})


def _mysql_types(task: Task) -> None:
    """Ids of addresses of one type, unless foreign keys hold them; codes that differ by case."""
    if not foreign_keys(task, "sid", "rid"):
        wanted = {"maddr": ("id", "bigint unsigned NOT NULL AUTO_INCREMENT")}
        wanted |= {table: (column, "bigint unsigned NOT NULL") for table, column in _IDS.items()}
        for table, (column, definition) in wanted.items():
            kind = str(columns_of(task.connection, table)[column].compile(dialect=task.connection.dialect)).upper()
            if not (kind.startswith("BIGINT") and "UNSIGNED" in kind):
                task.run(f"make {table}.{column} large", f"ALTER TABLE {table} MODIFY {column} {definition}")
    for table, column, rest in (("msgs", "content", ""), ("msgrcpt", "content", " DEFAULT ' ' NOT NULL")):
        collation = str(getattr(columns_of(task.connection, table)[column], "collation", "") or "")
        if not collation.endswith("_bin"):
            definition = f"char(1) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin{rest}"
            task.run(f"{table}.{column} differs by case", f"ALTER TABLE {table} MODIFY {column} {definition}")


def _codes(task: Task) -> None:
    for old, new in _OLD_CODES.items():
        for table in ("msgs", "msgrcpt"):
            changed = task.connection.exec_driver_sql(
                f"UPDATE {table} SET content = '{new}' WHERE content = '{old}'"  # noqa: S608
            ).rowcount
            if changed:
                task.note(f"{table}.content: {changed} times {new} for {old}")


def _key_of_addresses(task: Task) -> None:
    """One address may stand once for each tag (features 11.11, 11.12)."""
    found = inspect(task.connection)
    unique = {item["name"]: [*item["column_names"]] for item in found.get_unique_constraints("maddr")}
    for item in found.get_indexes("maddr"):
        if item["unique"]:
            unique[item["name"]] = [column for column in item["column_names"] if column]
    if any(sorted(columns) == ["email", "partition_tag"] for columns in unique.values()):
        return
    alone = [name for name, columns in unique.items() if columns == ["email"]]
    text = "maddr: one row for each tag and address"
    if is_postgresql(task):
        # Under the name that amavisd's own instructions give it.
        drop = [f'ALTER TABLE maddr DROP CONSTRAINT "{name}"' for name in alone]
        name = alone[0] if alone else "part_email"
        task.run(text, *drop, f'ALTER TABLE maddr ADD CONSTRAINT "{name}" UNIQUE (partition_tag, email)')
    elif is_mysql(task):
        drop = [f"ALTER TABLE maddr DROP KEY `{name}`" for name in alone]
        task.run(text, *drop, "ALTER TABLE maddr ADD UNIQUE KEY part_email (partition_tag, email)")
    else:
        task.run(text, "CREATE UNIQUE INDEX part_email ON maddr (partition_tag, email)")


def _number_recipients(task: Task) -> None:
    """Rows of before 2.7 have no number of the recipient, which is a part of the key."""
    if primary_key(task, "msgrcpt"):
        return
    row_number = "row_number() OVER (PARTITION BY partition_tag, mail_id ORDER BY {by})"
    match task.connection.dialect.name:
        case "postgresql":
            numbers = row_number.format(by="rseqnum, ctid")
            statements = [
                f"UPDATE msgrcpt SET rseqnum = numbered.n FROM (SELECT ctid AS place, {numbers} AS n FROM msgrcpt)"  # noqa: S608
                " AS numbered WHERE msgrcpt.ctid = numbered.place"
            ]
        case "sqlite":
            numbers = row_number.format(by="rseqnum, rowid")
            statements = [
                f"UPDATE msgrcpt SET rseqnum = numbered.n FROM (SELECT rowid AS place, {numbers} AS n FROM msgrcpt)"  # noqa: S608
                " AS numbered WHERE msgrcpt.rowid = numbered.place"
            ]
        case _:
            numbers = row_number.format(by="rseqnum, numbering")
            statements = [
                "ALTER TABLE msgrcpt ADD numbering bigint unsigned NOT NULL AUTO_INCREMENT UNIQUE",
                f"UPDATE msgrcpt JOIN (SELECT numbering, {numbers} AS n FROM msgrcpt) AS numbered"  # noqa: S608
                " USING (numbering) SET rseqnum = numbered.n",
                "ALTER TABLE msgrcpt DROP numbering",
            ]
    if task.connection.dialect.name != "sqlite":
        statements.append(f"ALTER TABLE msgrcpt ADD PRIMARY KEY ({_KEY}, rseqnum)")
    else:
        statements.append(f"CREATE UNIQUE INDEX IF NOT EXISTS msgrcpt_idx_primary ON msgrcpt ({_KEY}, rseqnum)")
    task.run("msgrcpt: recipients are numbered", *statements)


def _keys_with_tag(task: Task) -> None:
    """Messages with the same id and different tags are different ones (features 11.15, 11.18)."""
    if foreign_keys(task, "mail_id"):
        task.tell("keys stay without the tag: foreign keys refer to them")
        return
    for table, rest in (("msgs", ""), ("quarantine", ", chunk_ind")):
        key = primary_key(task, table)
        if not key or "partition_tag" in key:
            continue
        text = f"{table}: the tag is a part of the key"
        if is_postgresql(task):
            name = inspect(task.connection).get_pk_constraint(table)["name"]
            drop = f'DROP CONSTRAINT "{name}"'
        elif is_mysql(task):
            drop = "DROP PRIMARY KEY"
        else:
            continue
        task.run(text, f"ALTER TABLE {table} {drop}, ADD PRIMARY KEY ({_KEY}{rest})")
