"""Two gateways, one data base (contracts B2.05, B2.26, B10.08; features 12.08; checklist 26, 32)."""

import re

import pytest

from end_to_end import samples
from end_to_end.gateway import RECIPIENT, body_of, new_token, wait_for
from end_to_end.shared_database import GATEWAYS, LISTED, Shared

# One worker runs all of this: the server is stopped in between
testinfra_hosts = ["docker://shared-one-12"]


@pytest.mark.parametrize(("keeper", "releaser"), [GATEWAYS, GATEWAYS[::-1]])
def test_kept_here_and_released_there(shared: Shared, keeper: str, releaser: str) -> None:
    """Checklist 26, features 12.08: the id in the log of one is all that the other one needs."""
    here, there = shared.gateways[keeper], shared.gateways[releaser]
    token = new_token()
    message = samples.FORMS["zip"](token, RECIPIENT, samples.eicar())
    here.send_accepted(token, message)
    entry = here.wait_logged(token, "Blocked")
    named = re.search(r"quarantine: (\S+),", entry)
    assert named is not None, entry
    mail_id = named.group(1).partition("[")[0]
    assert mail_id in shared.sql(LISTED).split()
    assert shared.sql(f"SELECT host FROM msgs WHERE mail_id = '{mail_id}'") == here.hostname
    assert f'"{mail_id}"' in there.host.check_output("mailcordon quarantine list --json")
    released = there.host.run(f"amavisd-release {mail_id}")
    assert (released.rc, released.stderr.startswith("250 ")) == (0, True), released.stderr
    assert body_of(there.wait_delivered(token)) == body_of(message)
    assert not here.delivered(token)


def test_one_mail_log(shared: Shared) -> None:
    """Both gateways write to the same tables, and addresses are known once."""
    tokens = {name: gateway.send_text() for name, gateway in shared.gateways.items()}
    for name, token in tokens.items():
        shared.gateways[name].wait_delivered(token)
    wanted = ", ".join(f"'{samples.sender_of(token)}'" for token in tokens.values())
    statement = (
        "SELECT msgs.host, msgs.content, msgrcpt.rid FROM msgs JOIN msgrcpt USING (partition_tag, mail_id)"
        f" JOIN maddr ON maddr.id = msgs.sid WHERE maddr.email IN ({wanted}) ORDER BY msgs.host"
    )

    def both() -> list[str] | None:
        found = shared.sql(statement).splitlines()
        return found if len(found) == 2 else None

    rows = wait_for("both rows", both)
    assert [row.rpartition("|")[0] for row in rows] == [f"{shared.gateways[name].hostname}|C" for name in GATEWAYS]
    assert len({row.rpartition("|")[2] for row in rows}) == 1


def test_one_policy(shared: Shared) -> None:
    """A recipient who wants what is banned is known to both; the twin before: others do not get it."""
    lover = RECIPIENT.replace("@", f"+{new_token()}@")
    shared.sql(
        "WITH made AS (INSERT INTO policy (policy_name, banned_files_lover) VALUES ('lover', 'Y') RETURNING id)"
        f" INSERT INTO users (policy_id, email) SELECT id, '{lover}' FROM made"
    )
    for gateway in shared.gateways.values():
        for recipient, kind in ((RECIPIENT, "Blocked"), (lover, "Passed")):
            token = new_token()
            mail = samples.attachment_mail(token, recipient, "report.pdf.exe", b"text\r\n")
            assert gateway.send(token, mail, recipient).code == 250
            assert f"{kind} BANNED" in gateway.wait_logged(token, kind)


def test_no_mail_is_lost_without_the_server(shared: Shared) -> None:
    """Rule 1: mail waits in the queues, and is delivered once when the server is back."""
    shared.server.check_output("systemctl stop postgresql@15-main.service")
    try:
        tokens = {name: gateway.send_text() for name, gateway in shared.gateways.items()}
        for name, token in tokens.items():
            assert "451" in shared.gateways[name].wait_deferred(token).reason
    finally:
        shared.server.check_output("systemctl start postgresql@15-main.service")
    for name, token in tokens.items():
        gateway = shared.gateways[name]
        gateway.flush_until("the mail", lambda gateway=gateway, token=token: gateway.delivered(token))  # type: ignore[misc]
        gateway.wait_delivered(token)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM msgs JOIN msgrcpt USING (partition_tag, mail_id)",
        "INSERT INTO maddr (email, domain) VALUES ('rights@example.test', 'test.example')",
        "UPDATE msgs SET content = content",
        "DELETE FROM quarantine",
        "SELECT * FROM users, policy, mailaddr, wblist",
    ],
)
def test_what_the_filter_may_do(shared: Shared, statement: str) -> None:
    """B2.05."""
    assert shared.refusal(statement) == ""


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO users (email) VALUES ('rights@example.test')",
        "UPDATE policy SET virus_lover = 'Y'",
        "DELETE FROM wblist",
        "UPDATE mailcordon_log_version SET version_num = ''",
        "TRUNCATE msgs",
        "DROP TABLE msgs",
        "ALTER TABLE msgs ADD more integer",
        "CREATE TABLE own (id integer)",
        "CREATE TEMPORARY TABLE own (id integer)",
        "CREATE ROLE another",
    ],
)
def test_what_the_filter_may_not_do(shared: Shared, statement: str) -> None:
    """B2.05: the lookup tables are only read; no account of the filter changes tables."""
    assert re.search("permission denied|must be owner", shared.refusal(statement))


def test_filter_is_content_with_its_rights(shared: Shared) -> None:
    """B2.05: what the role gives is what the daemon's own look at the data base wants."""
    for gateway in shared.gateways.values():
        done = gateway.host.run("mailcordon db check")
        assert done.rc == 0, done.stdout + done.stderr


def test_accounts_of_the_server(shared: Shared) -> None:
    """Passwords as SCRAM verifiers, no rights beyond the data base, and nobody else comes in."""
    roles = shared.sql(
        "SELECT rolname, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls,"
        " left(rolpassword, 14) FROM pg_authid WHERE rolname LIKE 'mailcordon%' ORDER BY rolname"
    )
    assert roles.splitlines() == ["mailcordon|f|SCRAM-SHA-256$", "mailcordon_owner|f|SCRAM-SHA-256$"]
    assert (
        shared.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'mailcordon'") == "mailcordon_owner"
    )
    shared.sql("CREATE ROLE stranger LOGIN")
    try:
        assert shared.sql("SELECT has_database_privilege('stranger', 'mailcordon', 'CONNECT, TEMP')") == "f"
    finally:
        shared.sql("DROP ROLE stranger")


def test_who_may_log_in(shared: Shared) -> None:
    """Lines for both accounts from each gateway, over TLS with a password, and for nobody else from outside."""
    lines = shared.sql(
        "SELECT type, database, user_name, address, auth_method FROM pg_hba_file_rules"
        " WHERE address NOT IN ('127.0.0.1', '::1') AND database <> '{replication}'"
    )
    assert sorted(lines.splitlines()) == sorted(
        f"hostssl|{{mailcordon}}|{{{account}}}|{gateway.address}|scram-sha-256"
        for account in ("mailcordon", "mailcordon_owner")
        for gateway in shared.gateways.values()
    )
    wait_for(
        "connections over TLS",
        lambda: (
            shared.sql(
                "SELECT count(DISTINCT client_addr), bool_and(ssl) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)"
                " WHERE application_name = 'mailcordon'"
            )
            == "2|t"
        ),
    )
