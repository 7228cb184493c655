"""Release, requeue and report by the running daemon's AM.PDP socket (B1, features 12b; checklist 34)."""

import email
import json
import os
import re
import stat
from email.message import Message
from pathlib import Path

import pytest

from mailcordon.config.load import load
from mailcordon.config.secret_key import secret_ids
from samples import eicar, eicar_twin, with_attachment
from servers import free_port

from .daemon import COMMAND, Daemon, NextHop, text_mail, wait_until
from .releasing import (
    ask,
    connected,
    control_socket,
    installed_as,
    mail_id_of,
    our_tool,
    peers_tool,
    quarantined,
    read_answer,
)


@pytest.fixture
def infected(daemon: Daemon) -> str:
    """One infected mail in quarantine; its location there."""
    daemon.start()
    assert daemon.send(text_mail(eicar(), "kept")).startswith("250 2.7.0 Ok, discarded")
    return quarantined(daemon)[0]


def body_of(octets: bytes) -> bytes:
    """What follows the header section; smtp-sink writes LF."""
    return octets.replace(b"\r\n", b"\n").partition(b"\n\n")[2]


def the_message(next_hop: NextHop) -> Message:
    """The only one that was delivered."""
    (octets,) = next_hop.messages()
    return email.message_from_bytes(octets)


def types_in(message: Message) -> list[str]:
    """Of its parts."""
    parts = message.get_payload()
    assert isinstance(parts, list)
    return [part.get_content_type() for part in parts if isinstance(part, Message)]


def text_of(message: Message) -> str:
    """Its only part, decoded."""
    octets = message.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets.decode()


def secret_of(daemon: Daemon, mail_id: str) -> str:
    """The secret as the daemon makes it."""
    return secret_ids(load((daemon.config_directory,)).settings).of(mail_id)


def test_tool_of_amavisd_releases(daemon: Daemon, next_hop: NextHop, infected: str) -> None:
    """Contract B1.38, features 1.23, 5.38, 12.12, 12.15, 15.06, checklist 34: amavisd-new's program, usual settings.

    The body arrives as it was, with the Resent fields on top of the fields of the original (B1.31, B1.32).
    """
    done = peers_tool(daemon, infected)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"250 2\.6\.0 Ok, id=rel-\S+, from MTA\(smtp:\[127\.0\.0\.1\]:\d+\): 250 .*\n", done.stderr)
    message = the_message(next_hop)
    assert body_of(next_hop.messages()[0]).startswith(eicar())
    names = [name for name in message if name not in ("X-Client-Addr", "X-Client-Proto", "X-Helo-Args")]
    resent = ["Resent-From", "Resent-To", "Resent-Date", "Resent-Message-ID", "Received"]
    start = names.index("Resent-From")
    assert names[start : start + 5] == resent
    assert message["Resent-To"] == "<bob@example.test>"
    assert message["Resent-From"] == "<postmaster@gate.example.test>"
    assert message["Message-ID"] == "<kept@sender.example>"
    gone = {"X-Quarantine-ID", "X-Envelope-From", "X-Envelope-To", "X-Envelope-To-Blocked", "X-Amavis-Alert"}
    assert not gone & set(names)
    wait_until(lambda: "Quarantined message release (miscategorized)" in daemon.log(), "log entry")
    assert f": {mail_id_of(infected)} <alice@sender.example> -> <bob@example.test>" in daemon.log()


@pytest.mark.parametrize("recipient", ["eve@example.test", "<eve@example.test>"])
def test_client_of_a_web_interface(daemon: Daemon, next_hop: NextHop, infected: str, recipient: str) -> None:
    """Checklist 34, B1.02, B1.40: lines end with LF, the address bare or not, the answer is read by one call."""
    mail_id = mail_id_of(infected)
    lines = [
        "request=release",
        f"mail_id={mail_id}",
        f"secret_id={secret_of(daemon, mail_id)}",
        "quar_type=F",
        f"mail_file={infected}",
        f"recipient={recipient}",
        "",
        "",
    ]
    with connected(control_socket(daemon)) as client:
        client.sendall("\n".join(lines).encode())
        answer = client.recv(1024)
    assert answer.startswith(b"setreply=250 2.6.0 Ok,%20id=rel-")
    assert answer.endswith(b"\r\n\r\n")
    assert the_message(next_hop)["Resent-To"] == "<eve@example.test>"


def test_several_requests_on_connections(daemon: Daemon, next_hop: NextHop, infected: str) -> None:
    """B1.02, B1.05: two connections at once, requests one after the other, `name: value`, unknown attributes."""
    request = (
        f"request: release\r\nmail_id: {mail_id_of(infected)}\r\nquar_type=F\r\nmail_file={infected}\r\n"
        "colour=blue\r\nrecipient=<a%40example.test>\r\nrecipient=b@example.test\r\nnonsense\r\n\r\n"
    ).encode()
    with connected(control_socket(daemon)) as first, connected(control_socket(daemon)) as second:
        first.sendall(request)
        second.sendall(request + request)
        answers = [read_answer(first), read_answer(second)]
        if answers[1].count("\r\n\r\n") == 1:
            answers.append(read_answer(second))
        replies = "".join(answers).split("\r\n")
        assert len([line for line in replies if line.startswith("setreply=250 ")]) == 6
        second.sendall(request)
        assert read_answer(second).count("setreply=250 ") == 2
    assert len(next_hop.messages()) == 4


def test_secret_is_asked_for_where_it_is_required(daemon: Daemon, next_hop: NextHop) -> None:
    """B1.01, B1.25: on a TCP port nobody releases without the secret, and nowhere with a wrong one."""
    port = free_port()
    daemon.configure(
        "45-tcp",
        f"""
        inet_socket_port = [{daemon.port}, {port}]
        interface_policy."{port}" = "AM.PDP-INET"
        policy_bank."AM.PDP-INET".protocol = "AM.PDP"
        """,
    )
    daemon.start()
    daemon.send(text_mail(eicar(), "kept"))
    (infected,) = quarantined(daemon)
    mail_id = mail_id_of(infected)
    place = f"127.0.0.1:{port}"
    missing = our_tool(daemon, "--socket", place, infected)
    assert (missing.returncode, missing.stderr) == (1, "450 4.5.0 ERROR: Secret_id is required, but missing\n")
    for made_up in ("kg2P0rP9Lpu3kg2P", "-g2P0rP9Lpu3kg2P", "--2P0rP9Lpu3kg2P", "-h2P0rP9Lpu3kg2P"):
        wrong = our_tool(daemon, infected, made_up)
        assert (wrong.returncode, wrong.stderr) == (1, "450 4.5.0 ERROR: Secret_id does not match the mail_id\n")
    assert next_hop.messages() == []
    right = our_tool(daemon, "--socket", place, infected, secret_of(daemon, mail_id))
    assert right.returncode == 0, right.stderr
    assert len(next_hop.messages()) == 1
    key = daemon.home / "secret-id.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_our_command(daemon: Daemon, next_hop: NextHop, infected: str, tmp_path: Path) -> None:
    """Contract B1.38, B21.02, features 12.13-12.15: forms of arguments, JSON, exit status, kinds by name."""
    mail_id = mail_id_of(infected)
    done = our_tool(daemon, "--json", infected, "", "eve@example.test")
    (result,) = json.loads(done.stdout)
    assert (done.returncode, result["ok"], result["mail_id"]) == (0, True, mail_id)
    assert the_message(next_hop)["Resent-To"] == "<eve@example.test>"
    # By its mail_id alone, and without a secret before the recipient.
    assert our_tool(daemon, mail_id, "bob@example.test").returncode == 0
    several = our_tool(daemon, "-", octets=f"# comment\n{infected} '' a@example.test\n\nvirus-nosuchidhere\n")
    assert several.returncode == 1
    first, second = several.stderr.splitlines()
    assert first.startswith("250 2.6.0 Ok")
    assert second == "450 4.5.0 ERROR: there is no file virus-nosuchidhere in quarantine"
    assert len(next_hop.messages()) == 3
    report = our_tool(daemon, infected, "", "abuse@provider.example", program=installed_as(tmp_path, "amavisd-report"))
    assert report.returncode == 0, report.stderr
    reports = [octets for octets in next_hop.messages() if b"feedback-report" in octets]
    assert len(reports) == 1
    daemon.stop()
    away = our_tool(daemon, infected)
    assert away.returncode == 69
    assert away.stderr.startswith("mailcordon: cannot ask the daemon at ")


def test_optional_attributes(daemon: Daemon, next_hop: NextHop, infected: str) -> None:
    """B1.24, B1.32, B1.35: another sender, other recipients, who asked for it; a reply for each recipient, in order."""
    mail_id = mail_id_of(infected)
    request = [
        f"request=RELEASE\r\nmail_id={mail_id}\r\nquar_type=F\r\nmail_file={infected}\r\n",
        "requested_by=<desk@example.test>\r\nsender=<again@sender.example>\r\n",
        "recipient=<eve@example.test>\r\nrecipient=<dan@example.test>\r\n\r\n",
    ]
    replies = ask(control_socket(daemon), "".join(request).encode()).splitlines()
    assert [reply.partition(",")[0] for reply in replies] == ["setreply=250 2.6.0 Ok", "setreply=250 2.6.0 Ok", ""]
    message = the_message(next_hop)
    assert (message["Resent-From"], message["Resent-To"]) == ("<desk@example.test>", "undisclosed-recipients:;")
    line = f": {mail_id} <again@sender.example> -> <eve@example.test>,<dan@example.test>"
    wait_until(lambda: line in daemon.log(), "log entry")
    place = daemon.home / "virusmails" / infected
    place.chmod(0o640)
    kept = place.read_bytes().replace(b"X-Envelope-To", b"X-Was-To")
    place.write_bytes(kept)
    answer = ask(control_socket(daemon), request[0].encode() + b"\r\n")
    assert answer == "setreply=250 2.5.0 No%20recipients,%20nothing%20to%20do\r\n\r\n"


REFUSED = [
    ("mail_id=abc\r\nrequest=release\r\n", "Failure:%20the%20first%20attribute"),
    ("request=release\r\n", "Failure:%20mail_id%20is%20missing"),
    ("request=release\r\nmail_id=../../etc\r\n", "Failure:%20mail_id%20"),
    ("request=dance\r\n", "Failure:%20request%20'dance'%20is%20unknown"),
    ("request=release\r\nmail_id=MAIL_ID\r\nquar_type=X\r\n", "Failure:%20quar_type"),
    ("request=release\r\nmail_id=MAIL_ID\r\nrecipient=a b\r\n", "Failure:%20'a%20b'"),
    ("request=release\r\nmail_id=MAIL_ID\r\nmail_file=../../../etc/passwd\r\n", "ERROR:%20mail_file"),
    ("request=release\r\nmail_id=MAIL_ID\r\nmail_file=/etc/passwd\r\n", "ERROR:%20mail_file"),
    ("request=release\r\nmail_id=MAIL_ID\r\nmail_file=link\r\n", "ERROR:%20cannot%20open%20link"),
    ("request=release\r\nmail_id=MAIL_ID\r\nmail_file=linked/passwd\r\n", "ERROR:%20cannot%20open"),
    ("request=release\r\nmail_id=MAIL_ID\r\nmail_file=fifo\r\n", "ERROR:%20cannot%20open%20fifo"),
    ("request=release\r\nmail_id=MAIL_ID\r\nmail_file=other\r\n", "ERROR:%20other%20has%20no%20X-Quarantine-ID"),
    ("request=release\r\nmail_id=nosuchidhere\r\nmail_file=LOCATION\r\n", "is%20of%20another%20mail"),
    ("request=release\r\nmail_id=MAIL_ID\r\nquar_type=B\r\n", "ERROR:%20releasing%20from%20BSMTP"),
    ("request=release\r\nmail_id=MAIL_ID\r\nquar_type=Z\r\nmail_file=broken.gz\r\n", "ERROR:%20cannot%20read"),
]


def test_what_is_refused(daemon: Daemon, next_hop: NextHop, infected: str) -> None:
    """B1.03, B1.06, B1.23, B1.27, B1.29, B21.03: nothing is sent, the answer says why, the next request works."""
    place = daemon.home / "virusmails"
    (place / "link").symlink_to("/etc/passwd")
    (place / "linked").symlink_to("/etc")
    os.mkfifo(place / "fifo")
    (place / "other").write_bytes(b"Subject: x\r\n\r\nbody\r\n")
    (place / "broken.gz").write_bytes(b"\x1f\x8b\x08\x00nonsense")
    mail_id = mail_id_of(infected)
    with connected(control_socket(daemon)) as client:
        for lines, complaint in REFUSED:
            request = lines.replace("MAIL_ID", mail_id).replace("LOCATION", infected) + "\r\n"
            client.sendall(request.encode())
            answer = read_answer(client)
            assert answer.startswith("setreply=450 4.5.0 "), lines
            assert complaint in answer
            if "Failure" in answer:
                assert answer.endswith("return_value=tempfail\r\nexit_code=75\r\n\r\n")
        assert next_hop.messages() == []
        client.sendall(f"request=release\nmail_id={mail_id}\nmail_file={infected}\n\n".encode())
        assert read_answer(client).startswith("setreply=250 ")


def test_limits(daemon: Daemon) -> None:
    """B21.14, features 6.14: a line without end, a request without end; then the connection is closed."""
    daemon.start()
    for octets in (b"request=" + b"x" * 20_000, b"request=release\n" + b"a=b\n" * 20_000):
        with connected(control_socket(daemon)) as client:
            client.sendall(octets)
            assert read_answer(client).startswith("setreply=450 4.5.0 Failure:%20a%20")
            assert client.recv(1) == b""


def test_access_policy(daemon: Daemon) -> None:
    """B1.37: Postfix's policy protocol, whose lines end with LF."""
    daemon.start()
    with connected(control_socket(daemon)) as client:
        client.sendall(b"request=smtpd_access_policy\nsender=a@example.test\n\n")
        assert client.recv(1024) == b"action=DUNNO\n\n"


def test_requeued_mail_goes_to_its_own_hop(daemon: Daemon, next_hop: NextHop, tmp_path: Path) -> None:
    """B1.34, features 12.13: release_method and requeue_method; a hop that is away gives a 4xx, and status 1."""
    other = NextHop(tmp_path / "requeued")
    other.start()
    daemon.configure("45-requeue", f'requeue_method = "smtp:[127.0.0.1]:{other.port}"')
    daemon.start()
    daemon.send(text_mail(eicar(), "kept"))
    (location,) = quarantined(daemon)
    try:
        done = peers_tool(daemon, location, name="amavisd-requeue")
        assert done.stderr.startswith("250 2.6.0 Ok"), done.stderr
        assert other.has("kept@")
        assert next_hop.messages() == []
    finally:
        other.stop()
    away = our_tool(daemon, location, program=installed_as(tmp_path, "amavisd-requeue"))
    assert away.returncode == 1
    assert away.stderr.startswith("450 4.4.1 ")


@pytest.mark.parametrize(
    ("msg_format", "language"), [("resend", "en_US"), ("attach", "de_DE"), ("plain", "en_US"), ("arf", "de_DE")]
)
def test_formats(daemon: Daemon, next_hop: NextHop, msg_format: str, language: str) -> None:
    """B1.33, features 12.16-12.21, 12.24: what is sent in each format, for release and report, in both languages."""
    release_format = "" if msg_format == "arf" else f'release_format = "{msg_format}"'
    daemon.configure(
        "45-formats",
        f"""
        l10n_language = "{language}"
        {release_format}
        report_format = "{msg_format}"
        hdrfrom_notify_report = "Reports <reports@example.test>"
        [hdrfrom_notify_report_by_ccat]
        VIRUS = "Viruses <viruses@example.test>"
        [hdrfrom_notify_release_by_ccat]
        SPAM = "Spam <spam@example.test>"
        VIRUS = "Released <released@example.test>"
        """,
    )
    daemon.start()
    original = with_attachment(eicar(), "grüße.bin")
    daemon.send(original)
    (location,) = quarantined(daemon)
    parts = body_of(original)
    mail_id = mail_id_of(location)
    assert our_tool(daemon, location, "", "abuse@provider.example", program=(str(COMMAND), "report")).returncode == 0
    report = email.message_from_bytes(next_hop.messages()[0])
    if msg_format != "resend":
        assert report["From"] == "Viruses <viruses@example.test>"
        assert report["To"] == "<abuse@provider.example>"
        assert mail_id in report.as_string()
    if msg_format == "arf":
        assert report.get_content_type() == "multipart/report"
        assert report.get_param("report-type") == "feedback-report"
        assert types_in(report) == ["text/plain", "message/feedback-report", "message/rfc822"]
        assert b"Feedback-Type: abuse\n" in next_hop.messages()[0]
    elif msg_format == "attach":
        assert types_in(report) == ["text/plain", "message/rfc822"]
    elif msg_format == "plain":
        assert report.get_content_type() == "text/plain"
        assert "Subject: With an attachment" in text_of(report)
    else:
        assert report["Resent-To"] == "<abuse@provider.example>"
        assert report["X-Amavis-Alert"].startswith("INFECTED")
    if msg_format == "plain":
        return
    assert parts.rstrip(b"\n") in next_hop.messages()[0]
    if msg_format == "arf":
        return
    for path in [*next_hop._directory.iterdir()]:
        path.unlink()
    assert our_tool(daemon, "--requested-by", "bob@example.test", location).returncode == 0
    released = email.message_from_bytes(next_hop.messages()[0])
    assert parts.rstrip(b"\n") in next_hop.messages()[0]
    assert b"X-Quarantine-ID" not in next_hop.messages()[0]
    if msg_format == "attach":
        assert released["From"] == "Released <released@example.test>"
        assert released["Message-ID"].startswith("<QRA")
    else:
        assert released["Resent-From"] == "<bob@example.test>"
        assert released["Resent-Sender"] == "<postmaster@gate.example.test>"


def test_mailbox(daemon: Daemon, next_hop: NextHop) -> None:
    """B1.26, B10.05: a copy out of a mailbox, by its mail_id."""
    daemon.configure("45-mailbox", 'virus_quarantine_method = "local:virus.mbox"')
    daemon.start()
    for token in ("one", "two"):
        daemon.send(text_mail(eicar(), token))
    assert quarantined(daemon, 2) == ["virus.mbox"] * 2
    ids = re.findall(r"X-Quarantine-ID: <(\S+)>", (daemon.home / "virusmails/virus.mbox").read_text())
    assert len(ids) == 2
    done = our_tool(daemon, "--mailbox", "virus.mbox", ids[1])
    assert done.returncode == 0, done.stderr
    assert the_message(next_hop)["Message-ID"] == "<two@sender.example>"


def test_blind_copy(daemon: Daemon, next_hop: NextHop) -> None:
    """B1.36: who gets a copy of everything gets one of what is released, and nobody sees it."""
    daemon.configure("45-bcc", 'always_bcc = "archive@example.test"')
    daemon.start()
    daemon.send(text_mail(eicar(), "kept"), ("a@example.test", "b@example.test"))
    done = our_tool(daemon, quarantined(daemon)[0])
    assert len(done.stderr.splitlines()) == 2
    (octets,) = next_hop.messages()
    assert b"X-Rcpt-Args: <archive@example.test>" in octets
    assert the_message(next_hop)["Resent-To"] == "undisclosed-recipients:;"


def test_mail_that_is_not_blocked_passes_beside_it(daemon: Daemon, next_hop: NextHop, infected: str) -> None:
    """The twin: mail and requests at the same time do not mix."""
    assert daemon.send(text_mail(eicar_twin(), "twin")).startswith("250 2.6.0 Ok")
    answer = ask(control_socket(daemon), f"request=release\nmail_id={mail_id_of(infected)}\n\n".encode())
    assert answer.startswith("setreply=250 ")
    assert next_hop.has("twin@")
    assert next_hop.has("kept@")
