"""Members of a group may release mail, and may read nothing (features 12.13, 18.02; contract B6.11)."""

import re
from collections.abc import Iterator

import pytest

from end_to_end import samples
from end_to_end.gateway import RECIPIENT, Gateway

# With the worker that stops the server in between
testinfra_hosts = ["docker://shared-one-12"]

GROUP = "mailrelease"
SOCKET = "/run/mailcordon/release.sock"


@pytest.fixture(scope="module")
def accounts(gateway: Gateway) -> Iterator[None]:
    """`clerk` is a member of the group, `stranger` is not."""
    gateway.host.check_output(f"useradd --groups {GROUP} clerk && useradd stranger")
    yield
    gateway.host.check_output("userdel clerk && userdel stranger")


@pytest.fixture(scope="module")
def mail_id(gateway: Gateway) -> str:
    """An infected mail in quarantine."""
    entry = gateway.wait_logged(gateway.send_form("zip", samples.eicar()), "Blocked")
    named = re.search(r"quarantine: ([^,\s]+)", entry)
    assert named is not None, entry
    return named.group(1)


def test_socket(gateway: Gateway) -> None:
    """B6.11: it is root's, so that the filter cannot let others in, and the group's."""
    file = gateway.host.file(SOCKET)
    assert (file.user, file.group, oct(file.mode)) == ("root", GROUP, oct(0o660))
    assert GROUP not in gateway.host.user("mailcordon").groups


@pytest.mark.usefixtures("accounts")
def test_member_releases(gateway: Gateway) -> None:
    """Features 12.13: with the id from the log alone, by the usual command, to whom the mail was for."""
    token = gateway.send_form("zip", samples.eicar())
    named = re.search(r"quarantine: ([^,\s]+)", gateway.wait_logged(token, "Blocked"))
    assert named is not None
    done = gateway.host.run(f"runuser -u clerk -- amavisd-release '{named.group(1)}'")
    assert (done.rc, done.stderr.startswith("250 ")) == (0, True), done.stderr
    gateway.wait_delivered(token)


@pytest.mark.usefixtures("accounts")
def test_others_do_not(gateway: Gateway, mail_id: str) -> None:
    """One line, which says who may."""
    done = gateway.host.run(f"runuser -u stranger -- amavisd-release '{mail_id}'")
    assert (done.rc, done.stdout) == (69, "")
    assert done.stderr == (
        f"mailcordon: cannot ask the daemon at {SOCKET}: Permission denied; members of the group {GROUP} may\n"
    )


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("amavisd-release '{mail_id}' '' clerk@example.test", "no other recipients than those of the mail"),
        ("amavisd-report '{mail_id}' ''", "request report is not allowed here"),
    ],
)
def test_mail_does_not_go_elsewhere(gateway: Gateway, mail_id: str, command: str, says: str) -> None:
    """Who may not read has nothing sent to himself; the twin names the recipient of the mail."""
    done = gateway.host.run(f"runuser -u clerk -- {command.format(mail_id=mail_id)}")
    assert (done.rc, says in done.stderr, len(done.stderr.splitlines())) == (1, True, 1), done.stderr
    done = gateway.host.run(f"runuser -u clerk -- amavisd-release '{mail_id}' '' {RECIPIENT}")
    assert done.rc == 0, done.stderr


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize(
    "command",
    [
        "ls /var/lib/mailcordon/virusmails",
        "ls /var/lib/mailcordon/db",
        "cat /etc/mailcordon/database.password",
        "cat /etc/mailcordon/conf.d/35-database.toml",
        "mailcordon quarantine list",
        "mailcordon quarantine show --raw '{mail_id}'",
        "amavisd-release --socket /var/lib/mailcordon/amavisd.sock '{mail_id}'",
    ],
)
def test_member_reads_nothing(gateway: Gateway, mail_id: str, command: str) -> None:
    """Features 18.02: neither quarantine nor database nor settings; the twin is the filter's own account."""
    line = command.format(mail_id=mail_id)
    done = gateway.host.run(f"runuser -u clerk -- {line}")
    assert done.rc != 0
    assert "ermission denied" in done.stderr, done.stderr
    assert gateway.host.run(f"runuser -u mailcordon -- {line}").rc == 0
