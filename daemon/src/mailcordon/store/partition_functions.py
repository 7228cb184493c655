"""Functions of PostgreSQL by which the daemon's account makes and drops partitions of tables that another one owns.

They work with the rights of their owner, who is that of the tables, on partitions of the mail log and on nothing else.
Who may execute them may delete every row anyway, so that he gains nothing but an empty table of a name that is known.
"""

from collections.abc import Iterator

from sqlalchemy import Connection

from mailcordon.store.shape import LOG_TABLES

MAKE = "mailcordon_make_partition"
"""Takes the table and the tag; NULL stands for all other tags."""
DROP = "mailcordon_drop_partition"
"""Takes the table and the tag."""
SIGNATURES = tuple(f"{name}(text, integer)" for name in (MAKE, DROP))

_TABLES = ", ".join(f"'{table}'" for table in LOG_TABLES)
# Nobody's temporary table is taken for one of ours: pg_temp comes last.
_FUNCTION = """
CREATE OR REPLACE FUNCTION {schema}.{name}(parent text, tag integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {schema}, pg_temp AS $function$
DECLARE
    child regclass;
BEGIN
    IF parent IS NULL OR parent NOT IN ({tables}) OR tag < 0 THEN
        RAISE EXCEPTION 'not a table of the mail log, or not a tag';
    END IF;
    {body}
END
$function$
"""
_BODIES = {
    MAKE: """
    IF tag IS NULL THEN
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I DEFAULT', parent || '_others', parent);
    ELSE
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES IN (%s)', parent || '_p' || tag, parent, tag
        );
    END IF;
    """,
    DROP: """
    FOR child IN SELECT pg_class.oid FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = to_regclass(parent)
        AND translate(pg_get_expr(relpartbound, pg_class.oid), '''', '') = format('FOR VALUES IN (%s)', tag)
    LOOP
        EXECUTE format('DROP TABLE %s', child);
    END LOOP;
    """,
}


def statements(schema: str) -> Iterator[str]:
    """Make them, for nobody but their owner. `schema`: that of the tables, quoted."""
    for name, body in _BODIES.items():
        yield _FUNCTION.format(schema=schema, name=name, tables=_TABLES, body=body).replace("%", "%%")
        yield f"REVOKE ALL ON FUNCTION {schema}.{name}(text, integer) FROM PUBLIC"


def are_in(connection: Connection) -> bool:
    """Whether they were made. They come with tables that are partitioned, by `mailcordon db upgrade`."""
    names = " AND ".join(f"to_regprocedure('{signature}') IS NOT NULL" for signature in SIGNATURES)
    return bool(connection.exec_driver_sql(f"SELECT {names}").scalar())
