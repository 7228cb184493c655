"""Submission with authentication: checklist 14, contract B20.04, issue 3 point 6."""

import re
import smtplib

import pytest

from end_to_end import samples
from end_to_end.entry import assert_postfix_is_content, options, process_limit
from end_to_end.gateway import RECIPIENT, Gateway, new_token, parse, wait_for
from end_to_end.submitting import ALICE, BOB, User, connect, submit

USERS = "/etc/mailcordon-auth/users"


@pytest.mark.parametrize("port", [587, 465])
@pytest.mark.parametrize("user", [ALICE, BOB], ids=lambda user: user.name)
def test_the_right_password_is_taken(gateway: Gateway, user: User, port: int) -> None:
    """A hash that passlib made, and one that openssl made, both verified by Dovecot."""
    token = new_token()
    reply = submit(gateway, user, token, samples.text_mail(token, RECIPIENT, b"hello\r\n"), port)
    assert reply.code == 250, reply
    delivered = gateway.wait_delivered(token)
    assert "ESMTPSA" in parse(delivered).get_all("Received", [])[-1]


@pytest.mark.parametrize(
    "user",
    [User("alice", "wrong"), User("bob", ALICE.password), User("nobody", "x"), User("probe", ""), User("root", "root")],
    ids=lambda user: user.name,
)
def test_a_wrong_password_is_refused(gateway: Gateway, user: User) -> None:
    """The twin: accounts of the host have no password here, either."""
    token = new_token()
    with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
        submit(gateway, user, token, samples.text_mail(token, RECIPIENT, b"hello\r\n"))
    assert caught.value.smtp_code == 535


def test_wrong_passwords_lock_nobody_out(gateway: Gateway) -> None:
    """Somebody else behind the same address logs in right after some wrong passwords, before Postfix loses patience."""
    for _ in range(3):
        with connect(gateway) as client, pytest.raises(smtplib.SMTPAuthenticationError) as caught:
            client.login(BOB.name, "wrong")
        assert caught.value.smtp_code == 535
    with connect(gateway) as client:
        assert client.login(ALICE.name, ALICE.password)[0] == 235


def test_no_password_before_tls(gateway: Gateway) -> None:
    """AUTH is neither offered nor taken in the clear, and no mail is."""
    with smtplib.SMTP(gateway.address, 587, timeout=60) as client:
        client.ehlo("client.sender.example")
        assert "starttls" in client.esmtp_features
        assert "auth" not in client.esmtp_features
        assert client.docmd("AUTH", "PLAIN AGFsaWNlAHg=")[0] >= 500
        assert client.mail("a@sender.example")[0] == 530
    with connect(gateway) as client:
        assert "PLAIN" in client.esmtp_features["auth"]


@pytest.mark.parametrize("recipient", [RECIPIENT, "somebody@elsewhere.example"])
def test_nothing_is_taken_without_authentication(gateway: Gateway, recipient: str) -> None:
    """No relay for strangers, and not even mail for the host: that is what port 25 is for."""
    with connect(gateway) as client:
        client.mail("a@sender.example")
        code, text = client.rcpt(recipient)
        assert code == 554, text
    relay = gateway.send(new_token(), b"", recipient="somebody@elsewhere.example")
    assert relay.code == 454 or relay.code == 554, relay


def test_submitted_mail_goes_through_a_port_of_its_own(gateway: Gateway) -> None:
    """Contract B20.04: port 10026, bank ORIGINATING, and the client's address in the log (features 4.11)."""
    token = new_token()
    reply = submit(gateway, ALICE, token, samples.text_mail(token, RECIPIENT, b"hello\r\n"))
    assert reply.code == 250, reply
    received = [" ".join(value.split()) for value in parse(gateway.wait_delivered(token)).get_all("Received", [])]
    assert len(received) == 3, received
    assert "(mailcordon, port 10026) with LMTP" in received[1]
    entry = gateway.wait_logged(token, "Passed CLEAN")
    assert re.search(r"ORIGINATING\b[^,]* \[" + re.escape(reply.client_address) + r"\]", entry), entry
    other = gateway.send_text()
    gateway.wait_delivered(other)
    assert "ORIGINATING" not in gateway.wait_logged(other, "Passed CLEAN")


def test_viruses_of_users_are_blocked(gateway: Gateway) -> None:
    """EICAR from a user is blocked, its twin arrives."""
    infected, harmless = new_token(), new_token()
    submit(gateway, ALICE, infected, samples.FORMS["zip"](infected, RECIPIENT, samples.eicar()))
    submit(gateway, ALICE, harmless, samples.FORMS["zip"](harmless, RECIPIENT, samples.twin()))
    gateway.wait_delivered(harmless)
    assert "Blocked INFECTED" in gateway.wait_logged(infected, "Blocked")
    assert not gateway.delivered(infected)


def test_a_sender_address_may_belong_to_a_user(gateway: Gateway) -> None:
    """smtpd_sender_login_maps: boss@example.test is bob's."""
    for user, code in ((BOB, 250), (ALICE, 553)):
        token = new_token()
        message = samples.text_mail(token, RECIPIENT, b"hello\r\n")
        reply = submit(gateway, user, token, message, sender="boss@example.test")
        assert reply.code == code, reply


def test_passwords_are_kept_well(gateway: Gateway) -> None:
    """Hashes only, for root and Dovecot; no password in log or unit."""
    users = gateway.host.file(USERS)
    assert (users.user, users.group, oct(users.mode)) == ("root", "dovecot", oct(0o640))
    text = users.content_string
    assert text.startswith("alice:{SHA512-CRYPT}$6$rounds=100000$")
    assert ALICE.password not in text
    assert gateway.host.run(f"grep -rqF '{ALICE.password}' /etc /var/log").rc == 1
    assert gateway.host.run(f"journalctl -q --no-pager | grep -qF '{ALICE.password}'").rc == 1


def test_dovecot_of_the_host_is_left_alone(gateway: Gateway) -> None:
    """The one that came with the package does not run, and nothing in /etc/dovecot was changed."""
    assert gateway.host.run("systemctl is-active dovecot.service").rc != 0
    assert gateway.host.check_output("dpkg --verify dovecot-core") == ""
    assert gateway.main_pid("mailcordon-auth.service") > 0, gateway.journal("mailcordon-auth.service")


def test_services_of_master_cf(gateway: Gateway) -> None:
    """Both have the filter's port of their own; the transport's processes serve both ports (features 4.03)."""
    for service in ("submission/inet", "submissions/inet"):
        there = options(gateway, service)
        assert there["content_filter"] == "amavisfeed:[127.0.0.1]:10026"
        assert there["smtpd_tls_security_level"] == "encrypt"
    assert int(process_limit(gateway, "amavisfeed/unix")) == int(gateway.host.check_output("nproc")) * 20
    assert_postfix_is_content(gateway)


def test_the_password_check_comes_back(gateway: Gateway) -> None:
    """Killed hard, it is there again."""
    pid = gateway.main_pid("mailcordon-auth.service")
    gateway.host.check_output(f"kill -9 {pid}")
    wait_for("a login", lambda: login_works(gateway), timeout=60)
    assert gateway.main_pid("mailcordon-auth.service") not in (0, pid)


def login_works(gateway: Gateway) -> bool:
    """Whether alice can log in. Without the password check smtpd refuses logins, or does not offer AUTH."""
    try:
        with connect(gateway) as client:
            client.login(ALICE.name, ALICE.password)
    except smtplib.SMTPException:
        return False
    return True
