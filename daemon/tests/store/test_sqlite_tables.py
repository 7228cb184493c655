"""What is particular to the tables in SQLite (contract B2.12)."""

from pathlib import Path

from databases import Database
from mailcordon.store.migrate import Part

ADDRESS = "INSERT INTO maddr (email, domain) VALUES ('{0}@example.test', 'test.example')"


def test_ids_are_not_given_twice(tmp_path: Path) -> None:
    """B2.12: a purged address leaves no id behind that rows of another one could be taken for."""
    database = Database("sqlite", f"sqlite:///{tmp_path}/mail.db").prepare(Part.LOG, Part.LOOKUP)
    database.run(ADDRESS.format("a"), "DELETE FROM maddr", ADDRESS.format("b"))
    assert database.rows("SELECT id FROM maddr") == [(2,)]
    counted = database.rows("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY name")
    assert counted == [("maddr",), ("mailaddr",), ("policy",), ("users",)]
