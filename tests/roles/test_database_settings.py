"""What the role mailcordon makes of its database variables, as Ansible evaluates them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[2] / "roles/mailcordon"
HOST = {
    "inventory_hostname": "gate",
    "groups": {"all": ["gate", "db"]},
    "ansible_facts": {"fqdn": "gate.example.com", "os_family": "Debian", "default_ipv4": {"address": "192.0.2.7"}},
    "role_path": str(ROLE),
}
SHARED = {
    "mailcordon_database": "postgresql",
    "mailcordon_database_server": "db",
    "mailcordon_database_host": "192.0.2.5",
    "mailcordon_database_password": "one",
    "mailcordon_database_owner_password": "two",
}


def evaluated(name: str, **settings: Any) -> Any:
    """A variable of the role on a host with these settings."""
    loader = DataLoader()
    variables: dict[str, Any] = dict(HOST)
    for file in ("defaults/main.yml", "vars/main.yml"):
        variables |= loader.load_from_file(str(ROLE / file), trusted_as_template=True)
    return Templar(loader, variables | settings).template(trust_as_template("{{ " + name + " }}"))


def fragment(**settings: Any) -> dict[str, Any]:
    """What the role writes for the daemon."""
    found: list[dict[str, Any]] = evaluated("__mailcordon_fragments", **settings)
    return next(item["settings"] for item in found if item["name"] == "35-database")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"mailcordon_database_password": ""},
            "mailcordon_database_password and mailcordon_database_owner_password are",
        ),
        ({"mailcordon_database_owner_password": "a\nb"}, "each in one line"),
        ({"mailcordon_database_owner": "mailcordon"}, "one account has one password"),
        ({"mailcordon_database_name": "Mail-Log"}, "must be small letters, digits and _"),
        ({"mailcordon_database_server": "nobody"}, "nobody, which the inventory does not know"),
        ({"mailcordon_database_host": "127.0.0.1"}, "mailcordon_database_host must be its address"),
        ({"mailcordon_database_client": "gate"}, "gate, is no address or network"),
        ({"ansible_facts": {**HOST["ansible_facts"], "os_family": "RedHat"}}, "needs a Debian or Ubuntu"),  # type: ignore[dict-item]
        ({"mailcordon_database_quarantine": True, "mailcordon_database_log": False}, "needs mailcordon_database_log"),
        ({"mailcordon_database_quarantine": True, "mailcordon_database": "none"}, "needs mailcordon_database_log"),
        (
            {"mailcordon_database_partitions": True, "mailcordon_database": "sqlite"},
            "needs PostgreSQL; mailcordon_",
        ),
        ({"mailcordon_database_partitions": True, "mailcordon_database": "none"}, "needs PostgreSQL; mailcordon_"),
        ({"mailcordon_database_partitions": True, "mailcordon_purge": False}, "and mailcordon_purge, which makes them"),
        ({"mailcordon_database_partitions": True, "mailcordon_database_log": False}, "needs mailcordon_database_log, "),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, Any], says: str) -> None:
    """One problem is found, and said in one line."""
    (problem,) = evaluated("__mailcordon_database_problems", **{**SHARED, **settings})
    assert says in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    "settings",
    [
        {},
        SHARED,
        {**SHARED, "mailcordon_database_server": "", "mailcordon_database_host": "db.example.com"},
        {**SHARED, "mailcordon_database_server": "gate", "mailcordon_database_host": "127.0.0.1"},
        {**SHARED, "mailcordon_database_owner": "mailcordon", "mailcordon_database_owner_password": "one"},
        {"mailcordon_database": "none"},
        {**SHARED, "mailcordon_database_partitions": True},
    ],
)
def test_settings_that_work(settings: dict[str, Any]) -> None:
    """The twin of the test above."""
    assert evaluated("__mailcordon_database_problems", **settings) == []


def test_sqlite_by_default() -> None:
    assert fragment() == {"storage_sql_dsn": "sqlite:////var/lib/mailcordon/db/mail.db"}


def test_no_database() -> None:
    assert fragment(mailcordon_database="none") == {}


def test_postgresql() -> None:
    """The password is not in the fragment; copies are kept in the database when the role is told so."""
    written = fragment(**SHARED, mailcordon_database_quarantine=True, mailcordon_database_lookups=True)
    source = {
        "dsn": "postgresql://mailcordon@192.0.2.5:5432/mailcordon?sslmode=require",
        "password_file": "/etc/mailcordon/database.password",
    }
    assert written["storage_sql_dsn"] == written["lookup_sql_dsn"] == source
    assert [name for name in written if written[name] == "sql:"] == [
        f"{kind}_quarantine_method" for kind in ("virus", "banned", "spam", "bad_header")
    ]


def test_partitions() -> None:
    """Each message carries its week then, as long as nobody says otherwise in a later fragment (features 11.04)."""
    assert fragment(**SHARED, mailcordon_database_partitions=True)["partition_tag"] == "%G%V"
    assert "partition_tag" not in fragment(**SHARED)


@pytest.mark.parametrize(
    ("settings", "client", "listening", "place"),
    [
        (SHARED, "192.0.2.7/32", "*", "192.0.2.5:5432/mailcordon?sslmode=require"),
        (
            {**SHARED, "mailcordon_database_server": "gate", "mailcordon_database_host": "127.0.0.1"},
            *("127.0.0.1/32", "", "127.0.0.1:5432/mailcordon?sslmode=prefer"),
        ),
        (
            {
                **SHARED,
                "mailcordon_database_host": "2001:db8::5",
                "mailcordon_database_sslrootcert": "/etc/ssl/a b.pem",
            },
            *("192.0.2.7/32", "*", "[2001:db8::5]:5432/mailcordon?sslmode=require&sslrootcert=/etc/ssl/a%20b.pem"),
        ),
    ],
)
def test_way_to_the_server(settings: dict[str, Any], client: str, listening: str, place: str) -> None:
    """From the gateway, and back to it for pg_hba.conf."""
    assert evaluated("mailcordon_database_client", **settings) == client
    assert evaluated("mailcordon_database_listen_addresses", **settings) == listening
    assert evaluated("__mailcordon_database_place", **settings) == place
