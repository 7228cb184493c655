"""Partitions of PostgreSQL by week, made and dropped by the filter's account (features 11.04, 11.05, 11.07)."""

from datetime import datetime, timedelta

from end_to_end.gateway import wait_for
from end_to_end.shared_database import GATEWAYS, Shared

# With the worker that stops the server in between
testinfra_hosts = ["docker://shared-one-12"]

TABLES = ("maddr", "msgrcpt", "msgs", "quarantine")
PARTITIONS = (
    "SELECT child.relname || ' ' || pg_get_userbyid(child.relowner) FROM pg_inherits"
    " JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent ON parent.oid = inhparent"
    " WHERE parent.relname IN ('maddr', 'msgs', 'msgrcpt', 'quarantine') ORDER BY 1"
)


def partitions(*tags: str) -> list[str]:
    """As the server tells them, for these tags and for all others together, sorted."""
    endings = ["others", *(f"p{tag}" for tag in tags)]
    return sorted(f"{table}_{ending} mailcordon_owner" for table in TABLES for ending in endings)


def weeks(shared: Shared) -> list[str]:
    """Those of the days to come, on the gateway's clock."""
    now = datetime.fromisoformat(shared.gateways[GATEWAYS[0]].host.check_output("date --iso-8601=seconds"))
    return list(dict.fromkeys(f"{now + timedelta(days=day):%G%V}" for day in range(16)))


def test_each_week_has_its_own(shared: Shared) -> None:
    """Features 11.04, 11.05: made before the first mail came; mail of both gateways is in that of this week."""
    assert shared.sql(PARTITIONS).splitlines() == partitions(*weeks(shared))
    this_week = weeks(shared)[0]
    for gateway in shared.gateways.values():
        token = gateway.send_text()
        gateway.wait_delivered(token)
        statement = f"SELECT tableoid::regclass, partition_tag FROM msgs WHERE message_id LIKE '<{token}@%'"
        found = wait_for("the mail in the mail log", lambda statement=statement: shared.sql(statement))  # type: ignore[misc]
        assert found == f"msgs_p{this_week}|{this_week}"


def test_schedule_makes_and_drops_them(shared: Shared) -> None:
    """Features 11.07: what is missing is made, what is old is gone, and the filter's account owns nothing."""
    ahead = weeks(shared)
    for table in TABLES:
        shared.sql(f"DROP TABLE {table}_p{ahead[-1]}")
        shared.sql(
            f"CREATE TABLE {table}_p200101 PARTITION OF {table} FOR VALUES IN (200101);"
            f" ALTER TABLE {table}_p200101 OWNER TO mailcordon_owner"
        )
    gateway = shared.gateways[GATEWAYS[1]]
    gateway.systemctl("start", "mailcordon-purge.service")
    assert shared.sql(PARTITIONS).splitlines() == partitions(*ahead)
    journal = gateway.journal("mailcordon-purge.service")
    assert "1 partitions; 4 tables made" in journal
    assert gateway.host.check_output("systemctl show -P Result mailcordon-purge.service") == "success"
