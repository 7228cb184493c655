"""Banned names and types in the running daemon, in real mail and real archives (contract B12, features 5.33, 10.07)."""

import io
import struct
import tarfile
from email.message import EmailMessage

import pytest

from samples import zipped

from .daemon import Daemon, NextHop, wait_until


def program() -> bytes:
    """The beginning of a program for Windows: a header that says so, and nothing to run."""
    optional = struct.pack("<H", 0x10B) + bytes(222)
    pe = b"PE\0\0" + struct.pack("<HHIIIHH", 0x14C, 0, 0, 0, 0, len(optional), 0x102) + optional
    return b"MZ" + bytes(58) + struct.pack("<I", 0x80) + bytes(64) + pe + bytes(512)


def tarred(octets: bytes, name: str) -> bytes:
    """A compressed tar archive with one member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(octets)
        archive.addfile(member, io.BytesIO(octets))
    return out.getvalue()


def mail(token: str, octets: bytes, name: str, content_type: str = "application/octet-stream") -> EmailMessage:
    """A message with an attachment."""
    message = EmailMessage()
    message["From"] = "alice@sender.example"
    message["To"] = "bob@example.test"
    message["Subject"] = "test"
    message["Date"] = "Sun, 22 Nov 2026 12:00:00 +0000"
    message["Message-ID"] = f"<{token}@sender.example>"
    message.set_content("See the attachment.\n")
    main, _, sub = content_type.partition("/")
    message.add_attachment(octets, maintype=main, subtype=sub, filename=name)
    return message


def entry_of(daemon: Daemon, token: str) -> str:
    """The main log entry of a message, or its two entries."""

    def entries() -> list[str]:
        return [line for line in daemon.log().splitlines() if f"Message-ID: <{token}@" in line]

    wait_until(lambda: bool(entries()), f"the main log entry of {token}")
    return "\n".join(entries())


def test_what_is_banned_as_packaged(daemon: Daemon, next_hop: NextHop) -> None:
    """Contract B12.02, B12.05, B12.07: by name, by content, in archives at every level; the twins arrive."""
    daemon.start()
    text, exe = b"Just a text.\n", program()
    blocked = {
        "name": (mail("name", text, "report.pdf.exe"), "report.pdf.exe"),
        "content": (mail("content", exe, "report.pdf", "application/pdf"), ".exe-ms,report.pdf"),
        "zip": (mail("zip", zipped(text, "dir/game.exe"), "a.zip", "application/zip"), "dir/game.exe"),
        "deep": (mail("deep", zipped(tarred(exe, "x"), "a.tgz"), "a.zip", "application/zip"), ".exe-ms,x"),
        "type": (mail("type", text, "a.txt", "application/hta"), "application/hta,"),
        "rtl": (mail("rtl", text, "photo_\u202egpj.exe"), "photo_gpj.exe"),
    }
    for token, (message, words) in blocked.items():
        reply = daemon.send(message)
        assert reply.startswith("250 2.7.0 Ok, discarded, id="), (token, reply)
        assert " - BANNED: " in reply
        assert words in reply
        assert "Blocked BANNED (" in entry_of(daemon, token)
    passed = {
        "name-twin": mail("name-twin", text, "report.exe.pdf"),
        "zip-twin": mail("zip-twin", zipped(text, "dir/game.txt"), "a.zip", "application/zip"),
        "deep-twin": mail("deep-twin", zipped(tarred(text, "x"), "a.tgz"), "a.zip", "application/zip"),
    }
    for token, message in passed.items():
        assert daemon.send(message).startswith("250 2.6.0 Ok"), token
    assert all(next_hop.has(f"<{token}@") for token in passed)
    assert not any(next_hop.has(f"<{token}@") for token in blocked)


def test_log_and_quarantine(daemon: Daemon) -> None:
    """Contract B8.02, B8.03, B9.04, B10.06, B12.04: short form, chain, and the rule, each where amavisd has it."""
    daemon.configure("50-user", "log_level = 1\nbanned_filename_re = ['(?i)(?#no programs).\\.exe$']")
    daemon.start()
    reply = daemon.send(mail("one", zipped(b"Just a text.\n", "game.exe"), "a.zip", "application/zip"))
    assert reply.endswith(" - BANNED: no programs:.asc,game.exe")
    entry = entry_of(daemon, "one")
    assert "Blocked BANNED (no programs:.asc,game.exe) {DiscardedInbound,Quarantined}, " in entry
    assert ", quarantine: " in entry
    (path,) = [line for line in daemon.log().splitlines() if " p.path BANNED:1 " in line]
    assert 'bob@example.test: "L=1,M=multipart/mixed | ' in path
    assert "M=application/zip,T=zip,N=a.zip | " in path
    assert path.endswith('N=game.exe", matching_key="(?i)(?#no programs).\\.exe$"')
    (copy,) = (daemon.home / "virusmails").glob("*/banned-*")
    unfolded = copy.read_bytes().replace(b"\r\n ", b" ")
    assert b"X-Amavis-Alert: BANNED, message contains no programs:.asc,game.exe\r\n" in unfolded


def test_recipients_with_different_rules(daemon: Daemon, next_hop: NextHop) -> None:
    """Contract B12.01: in one mail, one gets it and the other does not."""
    daemon.configure(
        "50-user",
        """
        banned_filename = { hash = { "eve@example.test" = "ALLOW-ZIP,DEFAULT", "." = "DEFAULT" } }
        [banned_rules]
        ALLOW-ZIP = [['^\\.zip$', false]]
        """,
    )
    daemon.start()
    message = mail("both", zipped(b"Just a text.\n", "game.exe"), "a.zip", "application/zip")
    reply = daemon.send(message, ("bob@example.test", "eve@example.test"))
    assert reply.startswith("250 ")
    wait_until(lambda: len(entry_of(daemon, "both").splitlines()) == 2, "both entries")
    entries = entry_of(daemon, "both").splitlines()
    (passed,) = [line for line in entries if " Passed CLEAN " in line]
    (blocked,) = [line for line in entries if " Blocked BANNED (.asc,game.exe) " in line]
    assert "-> <eve@example.test>," in passed
    assert "-> <bob@example.test>," in blocked
    (delivered,) = next_hop.messages()
    assert b"X-Amavis-Alert" not in delivered
    # Alone, the rules of each are the same.
    assert daemon.send(mail("eve", zipped(b"x", "game.exe"), "a.zip"), ("eve@example.test",)).startswith("250 2.6.0")
    assert "BANNED" in daemon.send(mail("bob", zipped(b"x", "game.exe"), "a.zip"))
    assert "BANNED" in daemon.send(mail("plain", b"x", "game.exe"), ("eve@example.test",))


@pytest.mark.parametrize(("result", "told"), [("true", 1), ("'DISCARD, it is forged'", 0)])
def test_discard_tells_the_sender_nothing(result: str, told: int, daemon: Daemon, next_hop: NextHop) -> None:
    """Contract B11.02, B12.04: a bounce becomes a silent drop, its destiny stays."""
    daemon.configure("50-user", f"final_banned_destiny = 'bounce'\nbanned_filename_re = [['\\.exe$', {result}]]")
    daemon.start()
    daemon.send(mail("one", b"x", "game.exe"))
    entry = entry_of(daemon, "one")
    assert ("{BouncedInbound," in entry) == bool(told), entry
    assert ("{NoBounceInbound," in entry) == (not told), entry
    notices = [message for message in next_hop.messages() if b"report-type=delivery-status" in message]
    assert len(notices) == told
    assert all(b"game.exe" in notice for notice in notices)


def test_rules_of_paths(daemon: Daemon) -> None:
    """Contract B12.03: a name is banned in archives only."""
    rule = r"(?x)(?#doc in zip)(\A|\n)(.*\t)? T=zip (\t.*)? \n (.*\n)* (.*\t)? N=[^\t]*\.doc"
    daemon.configure("50-user", f"banned_filename_re = []\nbanned_namepath_re = ['{rule}']")
    daemon.start()
    assert daemon.send(mail("bare", b"x", "a.doc")).startswith("250 2.6.0 Ok")
    assert " - BANNED: doc in zip:" in daemon.send(mail("zip", zipped(b"x", "a.doc"), "a.zip", "application/zip"))


def test_without_the_check(daemon: Daemon, next_hop: NextHop) -> None:
    """Features 7.08, 10.06, 10.07: a bank NOBANNEDCHECK, and one under which the parts are not looked at."""
    daemon.configure(
        "50-user",
        """
        client_ipaddr_policy = [
        { networks = ["192.0.2.1"], bank = "NOBANNEDCHECK" }, { networks = ["192.0.2.2"], bank = "NODECODE" },
        ]
        [policy_bank.NOBANNEDCHECK]
        bypass_banned_checks = true
        banned_files_lovers = true
        [policy_bank.NODECODE]
        bypass_decode_parts = true
        """,
    )
    daemon.start()
    for number, expected in ((1, "250 2.6.0 Ok"), (2, "250 2.6.0 Ok"), (3, "250 2.7.0 Ok, discarded")):
        reply = daemon.send(mail(f"from{number}", b"x", "game.exe"), client_address=f"192.0.2.{number}")
        assert reply.startswith(expected), number
    assert [next_hop.has(f"<from{number}@") for number in (1, 2, 3)] == [True, True, False]


def test_names_beyond_ascii_in_replies(daemon: Daemon) -> None:
    """Contract B5.11, B12.06: a client without SMTPUTF8 gets a reply it can read."""
    daemon.start()
    reply = daemon.send(mail("one", b"x", "\u00fcbung.exe"))
    assert reply.startswith("250 2.7.0 Ok, discarded, id=")
    assert reply.isascii()
    assert "bung.exe" in reply
