"""Pen pals and the bounce killer in the running daemon (contract B16; features 11.32 to 11.41)."""

import smtplib
import subprocess

from bounces import dsn
from mailcordon.run.counter_directory import read_daemon

from .daemon import COMMAND, Daemon, NextHop, wait_until
from .test_mail_log import tables, with_sqlite

BOB, EVE, ALICE = "bob@example.test", "eve@example.test", "alice@remote.example"
SCORES = f"""
log_level = 3
bypass_spam_checks = false
spam_scanners = []
spam_tag_level = "undef"
score_sender = {{ hash = {{ "." = {{ hash = {{ "{ALICE}" = 6.5 }} }} }} }}
"""


def counts(daemon: Daemon) -> dict[str, float]:
    """All counters by name."""
    view = read_daemon(daemon.home / "db")
    return view.counters if view else {}


def send(daemon: Daemon, octets: bytes, sender: str, *recipients: str, client: str = "192.0.2.7") -> str:
    """The reply after DATA."""
    with smtplib.SMTP("127.0.0.1", daemon.port, timeout=60) as smtp:
        smtp.ehlo("client.example")
        assert smtp.docmd("XFORWARD", f"ADDR={client}")[0] == 250
        smtp.mail(sender)
        for recipient in recipients:
            smtp.rcpt(recipient)
        code, text = smtp.data(octets)
    return f"{code} {text.decode()}"


def mail(message_id: str, author: str) -> bytes:
    """A message by a person."""
    head = f"From: {author}\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: {message_id}\r\n\r\n"
    return head.encode() + b"Hello\r\n"


def write(daemon: Daemon, message_id: str, *recipients: str) -> None:
    """BOB writes; returns when the data base knows."""
    with tables(daemon) as connection:
        ((before,),) = connection.execute("SELECT count(*) FROM msgrcpt")
    assert send(daemon, mail(message_id, BOB), BOB, *recipients).startswith("250")

    def is_known() -> bool:
        with tables(daemon) as connection:
            ((after,),) = connection.execute("SELECT count(*) FROM msgrcpt")
            return bool(after == before + len(recipients))

    wait_until(is_known, "the mail log knows what was sent")


def test_answer_to_a_letter(daemon: Daemon, next_hop: NextHop) -> None:
    """B16.01 to B16.03, B9.04, B8.08: to whom ALICE answers gets her mail, though its score is that of spam."""
    with_sqlite(daemon, SCORES + "penpals_bonus_score = 5\n")
    daemon.start()
    write(daemon, "<1@example.test>", ALICE)
    assert send(daemon, mail("<2@remote.example>", ALICE), ALICE, BOB, EVE).startswith("250 2.6.0 Ok")
    (delivered,) = (message for message in next_hop.messages() if b"<2@remote.example>" in message)
    assert b"X-Amavis-PenPals: age 0 0:0" in delivered
    assert b"AM.PENPAL=-5" in delivered or b"AM.PENPAL=-4.99" in delivered
    wait_until(lambda: "Blocked SPAM" in daemon.log() and "Passed CLEAN {RelayedIn" in daemon.log(), "both entries")
    log = daemon.log()
    assert "penpals: adj.bonus " in log
    assert f"<{ALICE}> answers <{BOB}>, ref mail_id: " in log
    assert f"<{ALICE}> answers <{EVE}>" not in log
    assert f"Passed CLEAN {{RelayedInbound,Quarantined}}, [192.0.2.7] <{ALICE}> -> <{BOB}>" in log
    assert f"Blocked SPAM {{DiscardedInbound,Quarantined}}, [192.0.2.7] <{ALICE}> -> <{EVE}>" in log
    wanted = {
        "PenPalsAttempts": 2,
        "PenPalsAttemptsRid": 2,
        "PenPalsHits": 1,
        "PenPalsHitsRid": 1,
        "PenPalsMisses": 1,
        "PenPalsSavedFromTag2": 1,
        "PenPalsSavedFromKill": 1,
    }
    wait_until(lambda: counts(daemon).get("PenPalsSavedFromKill") == 1, "it is counted")
    found = counts(daemon)
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["TimeElapsedPenPals"] > 0


def test_bounces(daemon: Daemon, next_hop: NextHop) -> None:
    """B16.06, B16.08, features 11.35 to 11.37, 11.39 to 11.41: every outcome, its words in the log and its counter."""
    settings = 'bounce_killer_score = 100\nmynetworks = ["127.0.0.0/8", "198.51.100.0/24"]\n[policy_bank.MYNETS]\n'
    with_sqlite(
        daemon, "log_level = 3\nbypass_spam_checks = false\nspam_scanners = []\n" + settings + "originating = true"
    )
    daemon.start()
    # BOB's own program has made the id under a name that is not ours.
    write(daemon, "<mine@laptop.elsewhere.example>", ALICE)

    def bounce(message_id: str | None, client: str = "192.0.2.7") -> str:
        return send(daemon, dsn(message_id), "", BOB, client=client)

    assert bounce("<mine@laptop.elsewhere.example>").startswith("250 2.6.0 Ok")
    assert bounce("<other@laptop.elsewhere.example>", "198.51.100.1").startswith("250 2.6.0 Ok")
    assert bounce("<other@mail.example.test>").startswith("250 2.6.0 Ok")
    assert bounce("<other@laptop.elsewhere.example>").startswith("250 2.7.0 Ok, discarded")
    assert bounce(None).startswith("250 2.7.0 Ok, discarded")
    vacation = mail("<v@remote.example>", "eve@remote.example").replace(
        b"Date:", b"Auto-Submitted: auto-replied\r\nDate:"
    )
    assert send(daemon, vacation, "", BOB).startswith("250 2.6.0 Ok")
    assert send(daemon, mail("<n@remote.example>", "eve@remote.example"), "", BOB).startswith("250 2.6.0 Ok")
    wait_until(lambda: "Message-ID: <n@remote.example>" in daemon.log(), "the last entry")
    log = daemon.log()
    for text, times in {
        "inspect_dsn: standard DSN, Message-ID: '<mine@laptop.elsewhere.example>'": 1,
        f"bounce rescued by penpals (standard DSN), <> -> <{BOB}>, ": 1,
        f"bounce rescued by originating (standard DSN), <> -> <{BOB}>, ": 1,
        f"bounce rescued by domain (standard DSN), <> -> <{BOB}>, ": 1,
        f"bounce killed (standard DSN), <> -> <{BOB}>, ": 2,
        f"bounce unverifiable, <> -> <{BOB}>, ": 1,
        "Blocked SPAM {DiscardedInbound,Quarantined}": 2,
    }.items():
        assert log.count(text) == times, text
    wanted = {
        "InMsgsBounce": 6,
        "InMsgsBounceKilled": 2,
        "InMsgsBounceRescuedByDomain": 1,
        "InMsgsBounceRescuedByOriginating": 1,
        "InMsgsBounceRescuedByPenPals": 1,
        "InMsgsBounceUnverifiable": 1,
        "InMsgsBounceNullRPath": 7,
    }
    wait_until(lambda: counts(daemon).get("InMsgs") == 8, "all are counted")
    found = counts(daemon)
    assert {name: found.get(name) for name in wanted} == wanted


def test_off_without_a_data_base(daemon: Daemon) -> None:
    """Features 11.32: no effect without SQL, which the start says, and check-config before it."""
    daemon.configure("50-user", "bounce_killer_score = 100\nbypass_spam_checks = false\nspam_scanners = []")
    daemon.start()
    warning = "bounce_killer_score: has no effect without a data base; set storage_sql_dsn"
    assert warning in daemon.log()
    command = [str(COMMAND), "check-config", "--config-dir", str(daemon.config_directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert warning in done.stdout + done.stderr
    assert send(daemon, dsn(), "", BOB).startswith("250 2.6.0 Ok")
    wait_until(lambda: counts(daemon).get("InMsgsBounce") == 1, "it is counted by its sender")
    assert "InMsgsBounceKilled" not in counts(daemon)
