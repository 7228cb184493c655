"""SpamAssassin as its role sets it up: features chapter 8, 1.05, 1.06; checklist 11, 13."""

import pytest
from testinfra.host import Host

from end_to_end import samples
from end_to_end.gateway import new_token
from end_to_end.spamd import SOCKET, Spamd

RECIPIENT = "probe@example.test"
OFFICE = b"\xd0\xcf\x11\xe0" + bytes(64) + b"\x00Attribut\x00" + bytes(512)
"""What marks an office document of the old kind that has a macro."""


@pytest.fixture(scope="module")
def spamd(host: Host) -> Spamd:
    """The host's spamd."""
    return Spamd(host)


def text(body: bytes, **fields: str) -> bytes:
    message = samples.text_mail(new_token(), RECIPIENT, body + b"\r\n")
    for name, value in fields.items():
        message = f"{name}: {value}\r\n".encode() + message
    return message


def test_spamd_runs_and_starts_at_boot(host: Host) -> None:
    """features 1.05, 1.06."""
    unit = host.service("spamd.service")
    assert unit.is_running
    assert unit.is_enabled


def test_spamd_has_children_without_root_and_no_port(host: Host) -> None:
    """features 8.01: spamd loads the rules once and forks; children share its memory, none of them is root."""
    main = host.check_output("systemctl show -p MainPID --value spamd.service")
    listed = host.check_output(f"ps -o user:20= --pid {main} --ppid {main}").split()
    assert len(listed) >= 3, "one parent and the two children that are always there"
    assert set(listed) == {"debian-spamd"}
    assert host.check_output("ss -Hltn 'sport = :783'") == ""
    assert oct(host.file(SOCKET).mode) == oct(0o666)


def test_the_unit_is_up_when_spamd_answers(host: Host) -> None:
    """features 8.02: whoever starts after spamd.service finds all rules loaded."""
    restarted = host.run(f"systemctl restart spamd.service && spamc -K -U {SOCKET}")
    assert restarted.rc == 0, restarted.stderr


def test_limits_reach_the_unit(host: Host) -> None:
    """features 8.01 (children and their limits)."""
    shown = host.check_output("systemctl show -p ExecStart -p MemoryMax spamd.service")
    assert "--max-children=3 --min-children=2 --min-spare=1 --max-spare=3" in shown
    assert f"MemoryMax={1024**3}" in shown


def test_gtube_and_its_twin(spamd: Spamd) -> None:
    """Checklist 11."""
    assert spamd.report(text(samples.gtube())).tests["GTUBE"] == 1000
    assert "GTUBE" not in spamd.report(text(samples.gtube_twin())).tests


def test_a_rule_of_the_site(spamd: Spamd) -> None:
    """features 8.05: the site's own rules; the # in the rule is no comment."""
    assert spamd.report(text(b"This special #1 offer")).tests["SITE_OFFER"] == 3.25
    assert "SITE_OFFER" not in spamd.report(text(b"This special #2 offer")).tests


def test_macros_in_attachments(spamd: Spamd) -> None:
    """Checklist 13: a plugin that the distribution leaves off is on, with the library it needs."""

    def mail(content: bytes) -> bytes:
        return samples.attachment_mail(new_token(), RECIPIENT, "invoice.doc", content)

    assert spamd.report(mail(OFFICE)).tests.get("SITE_MACRO") == 4
    assert "SITE_MACRO" not in spamd.report(mail(OFFICE.replace(b"Attribut", b"Attribux"))).tests


def test_a_plugin_that_is_switched_off(host: Host, spamd: Spamd) -> None:
    """features 8.03: a shipped plugin is off, its rules with it, and the package's own file is untouched."""
    assert "SITE_NEVER" not in spamd.report(text(b"hello")).tests
    listed = host.run("dpkg --verify spamassassin")
    assert listed.stdout == ""
    debug = host.run("runuser -u debian-spamd -- spamassassin --lint -L -D plugin 2>&1").stdout
    assert "Mail::SpamAssassin::Plugin::FreeMail is switched off" in debug
    assert "loading Mail::SpamAssassin::Plugin::DKIM" in debug


def test_welcome_and_block_lists(spamd: Spamd) -> None:
    """features 8.05: an address that is only claimed is not enough where a relay is named with it."""
    relay = (
        "from friend.example (friend.example [198.51.100.7]) by gate.example.test with ESMTP id 1; "
        "Sun, 22 Nov 2026 12:00:00 +0000"
    )
    other = relay.replace("friend.example", "other.example")
    mail = text(b"hello")
    sender = mail.split(b"<", 1)[1].split(b">", 1)[0]
    friend, foe = replaced_sender(mail, sender, b"a@friend.example"), replaced_sender(mail, sender, b"a@foe.example")
    assert "USER_IN_WELCOMELIST" in spamd.report(received(friend, relay)).tests
    assert "USER_IN_WELCOMELIST" not in spamd.report(received(friend, other)).tests
    assert "USER_IN_BLOCKLIST" in spamd.report(foe).tests
    assert "USER_IN_BLOCKLIST" not in spamd.report(friend).tests


def replaced_sender(mail: bytes, sender: bytes, new: bytes) -> bytes:
    return mail.replace(b"<" + sender + b">", b"<" + new + b">", 1)


def received(mail: bytes, field: str) -> bytes:
    return f"Received: {field}\r\n".encode() + mail


def test_bounces_of_mail_that_we_never_sent(spamd: Spamd) -> None:
    """features 8.10: the plugin VBounce knows backscatter, and bounces of our own mail are none."""

    def bounce(relay: str) -> bytes:
        return (
            "From: Mail Delivery System <MAILER-DAEMON@far.example>\r\n"
            "To: probe@example.test\r\nSubject: Undelivered Mail Returned to Sender\r\n"
            "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <b@far.example>\r\n"
            "Return-Path: <>\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\r\n\r\n'
            "--x\r\nContent-Type: text/plain\r\n\r\nYour mail could not be delivered.\r\n"
            "--x\r\nContent-Type: text/rfc822-headers\r\n\r\n"
            f"Received: from {relay} ({relay} [198.51.100.9]) by far.example with ESMTP id 2\r\n"
            "From: probe@example.test\r\nSubject: hello\r\n\r\n--x--\r\n"
        ).encode()

    assert spamd.report(bounce("other.example")).tests.get("ANY_BOUNCE_MESSAGE") == 0.5
    assert "ANY_BOUNCE_MESSAGE" not in spamd.report(bounce("gate.example.test")).tests


def test_preferences_of_users(spamd: Spamd) -> None:
    """Issue 3 (user preferences): each user of spamd has their own, all others those of the site."""
    mail = text(b"This special #1 offer")
    assert spamd.report(mail).threshold == 5.0
    assert spamd.report(mail, "stranger@example.test").threshold == 5.0
    assert spamd.report(mail, "strict@example.test").threshold == 1.0
    assert spamd.report(mail, "calm@example.test").tests["SITE_OFFER"] == 0.125
    assert spamd.report(mail, "strict@example.test").tests["SITE_OFFER"] == 3.25


def test_bayes_learns(host: Host, spamd: Spamd) -> None:
    """Issue 3 (Bayes storage): what is learned under spamd's account, spamd knows."""
    spam = "cheap watches replica luxury timepiece bargain discount wholesale"
    ham = "meeting agenda minutes budget quarterly review colleagues schedule"
    before = spamd.report(text(f"{spam} today".encode())).tests
    assert not [name for name in before if name.startswith("BAYES_")]
    for kind, words in (("spam", spam), ("ham", ham)):
        for number in range(6):
            mail = text(f"{words} number {number} {words}".encode())
            told = spamd.feed(mail, f"runuser -u debian-spamd -- sa-learn --{kind}")
            assert "Learned tokens from 1 message(s)" in told
    assert {"BAYES_99", "BAYES_95", "BAYES_80"} & set(spamd.report(text(f"{spam} today".encode())).tests)
    assert {"BAYES_00", "BAYES_05", "BAYES_20"} & set(spamd.report(text(f"{ham} today".encode())).tests)
    files = host.check_output(
        "stat -c '%U %n' /var/lib/spamassassin/.spamassassin /var/lib/spamassassin/.spamassassin/*"
    )
    assert {line.split()[0] for line in files.splitlines()} == {"debian-spamd"}


def test_the_log_names_the_message_and_the_time_of_each_part(spamd: Spamd) -> None:
    """features 8.04, 8.07, 16.07, as far as they are spamd's: message id, tests, and a breakdown of the time."""
    token = new_token()
    spamd.report(samples.text_mail(token, RECIPIENT, b"hello\r\n"))
    assert any("result:" in line for line in spamd.journal(f"mid=<{token}@"))
    assert any("parse:" in line and "tests_pri_0:" in line for line in spamd.journal("timing: total"))


def test_trusted_networks_are_those_of_the_site(host: Host) -> None:
    """features 8.05 (Received fields of our own relays can be relied on)."""
    text_of = host.file("/etc/spamassassin/90_mailcordon.cf").content_string
    assert [line for line in text_of.splitlines() if "_networks" in line] == ["trusted_networks 192.0.2.0/24"]
