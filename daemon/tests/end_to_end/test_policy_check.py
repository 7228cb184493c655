"""Messages that milters have checked by AM.PDP (contracts B1.06, B1.08 to B1.22; features 12.26)."""

import os
from pathlib import Path

import pytest

from samples import eicar, eicar_twin, gtube
from servers import Spamd

from .daemon import Daemon, NextHop, text_mail, wait_until
from .releasing import ask, control_socket

Answer = list[tuple[str, str]]
RECIPIENTS = ("<bob@example.test>", "eve@example.test")


def deposited(daemon: Daemon, octets: bytes, name: str = "tmp/af-1") -> Path:
    """A message where a milter puts it, with LF."""
    directory = daemon.home / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "email.txt").write_bytes(octets.replace(b"\r\n", b"\n"))
    return directory


def check(daemon: Daemon, directory: Path | str, *further: str, recipients: tuple[str, ...] = RECIPIENTS) -> Answer:
    """One request; name and value of each attribute of the answer, which is still encoded."""
    lines = ["request=AM.PDP", "sender=<alice@sender.example>", *(f"recipient={who}" for who in recipients)]
    lines += [f"tempdir={directory}", *further, "", ""]
    answer = ask(control_socket(daemon), "\n".join(lines).encode())
    pairs = [line.split("=", 1) for line in answer.removesuffix("\r\n\r\n").split("\r\n")]
    return [(name, value) for name, value in pairs]


def names(answer: Answer) -> list[str]:
    return [name for name, _ in answer]


def test_clean_mail_goes_on_with_the_client(daemon: Daemon, next_hop: NextHop) -> None:
    """B1.08, B1.13, B1.14, B1.18 to B1.20, B1.22, features 12.26: the client is told what to add, in order."""
    daemon.start()
    directory = deposited(daemon, text_mail(eicar_twin(), "clean"))
    answer = check(
        daemon,
        directory,
        "tempdir_removed_by=client",
        "client_address=192.0.2.7",
        "client_port=none",
        "client_name=mx.sender.example",
        "client_source=REMOTE",
        "helo_name=mx.sender.example",
        "protocol_name=ESMTP",
        "queue_id=4711ABC",
    )
    assert names(answer) == ["version_server", "log_id", "setreply", "insheader", "return_value", "exit_code"]
    values = dict(answer)
    assert values["version_server"] == "2"
    assert values["setreply"] == f"250 2.5.0 Ok,%20id={values['log_id']},%20continue%20delivery"
    assert values["insheader"].startswith("0 X-Virus-Scanned mailcordon%20at%20")
    assert (values["return_value"], values["exit_code"]) == ("continue", "0")
    assert (directory / "email.txt").exists()
    wait_until(lambda: "Message-ID: <clean@" in daemon.log(), "the main log entry")
    assert "[192.0.2.7]" in daemon.log()
    assert next_hop.messages() == []


@pytest.mark.parametrize(
    ("destiny", "returned", "status", "code"),
    [
        ("discard", "discard", "99", "250 2.7.0"),
        ("reject", "reject", "69", "554 5.7.0"),
        ("tempfail", "tempfail", "75", "450 4.7.0"),
    ],
)
def test_infected_mail(daemon: Daemon, next_hop: NextHop, destiny: str, returned: str, status: str, code: str) -> None:
    """B1.12, B1.19: each destiny has its return value; the server removes the file and its directory."""
    daemon.configure("45-destiny", f'final_virus_destiny = "{destiny}"')
    daemon.start()
    directory = deposited(daemon, text_mail(eicar(), "virus"))
    answer = check(daemon, directory)
    assert names(answer) == ["version_server", "log_id", "setreply", "return_value", "exit_code"]
    values = dict(answer)
    assert values["setreply"].startswith(code)
    assert (values["return_value"], values["exit_code"]) == (returned, status)
    assert not directory.exists()
    assert next_hop.messages() == []


def test_server_delivers(daemon: Daemon, next_hop: NextHop) -> None:
    """B1.13, B1.19: the server forwards it, and the client has nothing more to do; unless the hop is away."""
    daemon.start()
    answer = check(daemon, deposited(daemon, text_mail(eicar_twin(), "clean")), "delivery_care_of=server")
    values = dict(answer)
    assert values["setreply"].startswith("250 2.6.0 Ok,")
    assert (values["return_value"], values["exit_code"]) == ("discard", "99")
    assert next_hop.has("clean@")
    assert len(next_hop.messages()) == 1
    next_hop.stop()
    away = dict(check(daemon, deposited(daemon, text_mail(eicar_twin(), "second")), "delivery_care_of=server"))
    assert (away["return_value"], away["exit_code"]) == ("tempfail", "75")
    assert away["setreply"].startswith("450 4.4.1 ")


def test_recipients_and_banks(daemon: Daemon, spamd: Spamd) -> None:
    """B1.15, B1.17, B1.20: who is done with goes, rewritten addresses, a bank that the client names; forged fields."""
    daemon.configure(
        "45-spam",
        f"""
        bypass_spam_checks = [{{ hash = {{ "eve@example.test" = false, "." = false }} }}]
        spam_lovers = {{ hash = {{ "eve@example.test" = true }} }}
        recipient_delimiter = "+"
        addr_extension_spam = "spam"
        [policy_bank.RELAXED]
        spam_subject_tag2 = "[Spam] "
        [[spam_scanners]]
        name = "spamd"
        protocol = "spamd"
        socket = "{spamd.path}"
        """,
    )
    daemon.start()
    octets = b"X-Spam-Flag: NO\r\nX-Spam-Flag: maybe\r\n" + text_mail(gtube(), "spam")
    answer = check(daemon, deposited(daemon, octets), "policy_bank=NO_SUCH, RELAXED")
    assert ("delrcpt", "<bob@example.test>") in answer
    assert ("delrcpt", "<eve@example.test>") in answer
    assert ("addrcpt", "<eve+spam@example.test>") in answer
    assert [value for name, value in answer if name == "delheader"] == ["2 X-Spam-Flag", "1 X-Spam-Flag"]
    assert ("chgheader", "1 Subject [Spam]%20test") in answer
    inserted = [value.split()[1] for name, value in answer if name == "insheader"]
    # The topmost field comes last.
    assert inserted[-1] == "X-Quarantine-ID"
    assert {"X-Virus-Scanned", "X-Spam-Flag"} < set(inserted)
    assert answer[-2:] == [("return_value", "continue"), ("exit_code", "0")]


def test_what_is_refused(daemon: Daemon) -> None:
    """B1.06, B1.09 to B1.11, B21.03: incomplete requests, paths that lead elsewhere, links."""
    daemon.start()
    home = daemon.home
    deposited(daemon, text_mail(eicar_twin(), "clean"))
    kept = home / "virusmails" / "k"
    kept.mkdir()
    (kept / "email.txt").write_text("precious")
    (home / "tmp" / "linked").symlink_to(kept)
    (home / "tmp" / "af-2").mkdir()
    (home / "tmp" / "af-2" / "email.txt").symlink_to(kept / "email.txt")
    (home / "tmp" / "af-3").mkdir()
    os.mkfifo(home / "tmp" / "af-3" / "email.txt")
    assert check(daemon, home / "tmp/af-1", recipients=())[0] == ("setreply", "450 4.5.0 Incomplete%20request")
    for path, complaint in [
        (f"{home}/tmp/af-1/../../virusmails/k", "is%20not%20allowed"),
        (f"{home}/virusmails/k", "is%20not%20in%20a%20directory%20below%20TEMPBASE"),
        (f"{home}/tmp", "is%20not%20in%20a%20directory"),
        ("/etc", "is%20not%20in%20a%20directory"),
        ("tmp/af-1", "is%20not%20allowed"),
        (f"{home}/tmp/linked", "cannot%20read"),
        (f"{home}/tmp/af-2", "cannot%20read"),
        (f"{home}/tmp/af-3", "cannot%20read"),
        (f"{home}/tmp/af-4", "cannot%20read"),
    ]:
        answer = check(daemon, path)
        reply = dict(answer)["setreply"]
        assert reply.startswith("45"), path
        assert complaint in reply
        assert answer[-2:] == [("return_value", "tempfail"), ("exit_code", "75")]
    outside = check(daemon, home / "tmp/af-1", f"mail_file={home}/tmp/af-2/email.txt")
    assert "is%20not%20in%20tempdir" in dict(outside)["setreply"]
    assert (kept / "email.txt").read_text() == "precious"
    assert dict(check(daemon, home / "tmp/af-1"))["return_value"] == "continue"


def test_size_limit(daemon: Daemon) -> None:
    """B6.06: as by SMTP."""
    daemon.configure("45-size", "smtpd_message_size_limit = 65536")
    daemon.start()
    values = dict(check(daemon, deposited(daemon, text_mail(b"x\r\n" * 40_000, "big"))))
    assert values["setreply"].startswith("552 5.3.4 ")
    assert values["return_value"] == "reject"
