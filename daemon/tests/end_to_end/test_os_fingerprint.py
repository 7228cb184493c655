"""What becomes of p0f's word in a running daemon: header, spam scanner, counters and log (B16.10)."""

import json
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fingerprinting import P0f, Seen
from mailcordon.run.counter_directory import read_daemon
from servers import Spamd

from .daemon import Daemon, NextHop, text_mail, wait_until

RULES = (
    "header L_LINUX X-Amavis-OS-Fingerprint =~ /^Linux/",
    "score L_LINUX 0.125",
    "header L_OS_FIELD exists:X-Amavis-OS-Fingerprint",
    "score L_OS_FIELD 0.25",
)


@pytest.fixture
def seeing_spamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spamd]:
    """A spamd with rules about the field."""
    server = Spamd(tmp_path_factory.mktemp("seeing-spamd"), exact=True, rules=RULES)
    server.start()
    yield server
    server.stop()


def configure(daemon: Daemon, method: str, more: str = "") -> None:
    daemon.configure(
        "50-user",
        f"""
        os_fingerprint_method = "{method}"
        os_fingerprint_timeout = 5
        bypass_virus_checks = true
        mynetworks = ["127.78.0.2"]
        log_level = 2
        log_json = "{daemon.home}/json"
        log_templ = "OS=[{{{{ os_fingerprint }}}}]"
        {more}
        """,
    )


def send(daemon: Daemon, token: str, client: Seen, *recipients: str) -> None:
    """As Postfix does, with the address and port of its client."""
    smtp = smtplib.SMTP("127.0.0.1", daemon.port, timeout=60)
    try:
        smtp.ehlo("mx.example")
        assert smtp.docmd("XFORWARD", f"ADDR={client.address} PORT={client.port}")[0] == 250
        smtp.sendmail("alice@sender.example", recipients or ["bob@example.test"], text_mail(b"Hello", token))
    finally:
        smtp.close()


def head(next_hop: NextHop) -> str:
    (delivered,) = next_hop.messages()
    return delivered.partition(b"\n\n")[0].decode().replace("\r", "").replace("\n ", " ")


@pytest.mark.parametrize("way", ["socket", "analyzer"])
def test_client_whose_connection_was_seen(
    way: str, daemon: Daemon, next_hop: NextHop, p0f: P0f, seeing_spamd: Spamd, token: str
) -> None:
    """Contract B16.10, B9.04, B9.08, B17.05, B8.09, features 15.07, 15.08, 18.16: everywhere that amavisd tells it."""
    client = p0f.connect("127.78.0.1")
    configure(
        daemon,
        {"socket": f"p0f:{p0f.path}", "analyzer": f"p0f:127.0.0.1:{p0f.analyzer_port}"}[way],
        f"""
        bypass_spam_checks = false
        spam_tag_level = -999
        [[spam_scanners]]
        name = "sa"
        protocol = "spamd"
        socket = "{seeing_spamd.path}"
        """,
    )
    daemon.start()
    send(daemon, token, client)
    fields = head(next_hop)
    assert "\nX-Amavis-OS-Fingerprint: Linux " in fields
    assert f", [127.78.0.1]:{client.port}\n" in fields
    assert "; dist: 0" in fields
    assert "L_LINUX=0.125" in fields
    wait_until(lambda: "TIMING [total" in daemon.log(), "all entries about the mail")
    log = daemon.log()
    assert ") OS_fingerprint: 127.78.0.1 " in log
    assert " ham.Linux - Linux " in log
    assert ") OS=[Linux " in log
    assert "os_fingerprint: " in log.partition("TIMING")[2]
    objects = Path(daemon.home, "json")
    wait_until(lambda: objects.exists() and objects.read_text().endswith("\n"), "the object about the mail")
    report = json.loads(objects.read_text())
    assert report["os_fp"].startswith("Linux ")
    assert "F" in report["checks_performed"].split()
    wait_until(lambda: counters(daemon).get("ham.byOS.Linux") == 1, "the counter")


def counters(daemon: Daemon) -> dict[str, float]:
    view = read_daemon(daemon.home / "db")
    return view.counters if view else {}


def test_nothing_is_told_of_our_own_and_to_others(daemon: Daemon, next_hop: NextHop, p0f: P0f, token: str) -> None:
    """Contract B16.10, B9.04: of mail from our own networks nothing, to recipients elsewhere nothing."""
    ours, stranger = p0f.connect("127.78.0.2"), p0f.connect("127.78.0.3")
    configure(daemon, f"p0f:{p0f.path}")
    daemon.start()
    send(daemon, f"{token}-ours", ours)
    send(daemon, f"{token}-out", stranger, "carol@remote.example")
    send(daemon, f"{token}-in", stranger)
    told = {name: "X-Amavis-OS-Fingerprint" in text for text in texts(next_hop) for name in names(text, token)}
    assert told == {"ours": False, "out": False, "in": True}


def texts(next_hop: NextHop) -> list[str]:
    return [message.decode() for message in next_hop.messages()]


def names(text: str, token: str) -> list[str]:
    return [name for name in ("ours", "out", "in") if f"{token}-{name}@" in text]


def test_field_that_is_not_wanted(daemon: Daemon, next_hop: NextHop, p0f: P0f, token: str) -> None:
    """Contract B9.04: `allowed_added_header_fields` holds for this one, too."""
    configure(daemon, f"p0f:{p0f.path}", '[allowed_added_header_fields]\n"X-Amavis-OS-Fingerprint" = false')
    daemon.start()
    send(daemon, token, p0f.connect("127.78.0.4"))
    assert "X-Amavis-OS-Fingerprint" not in head(next_hop)
    wait_until(lambda: "OS_fingerprint: 127.78.0.4 " in daemon.log(), "it is known all the same")


def test_mail_passes_without_p0f(daemon: Daemon, next_hop: NextHop, token: str) -> None:
    """Design rule 1, B16.10: p0f is down, the mail arrives, and the log says so once."""
    configure(daemon, f"p0f:{daemon.home}/nobody.sock", "max_servers = 1")
    daemon.start()
    for number in range(3):
        send(daemon, f"{token}-{number}", Seen("192.0.2.7", 4711))
    assert all(next_hop.has(f"{token}-{number}") for number in range(3))
    assert not any("OS-Fingerprint" in text for text in texts(next_hop))
    wait_until(lambda: daemon.log().count(") OS=[]") == 3, "the entries about all mails")
    warnings = [line for line in daemon.log().splitlines() if "os_fingerprint: p0f:" in line]
    assert len(warnings) == 1
    assert warnings[0].endswith(f"p0f:{daemon.home}/nobody.sock FAILED - No such file or directory")
