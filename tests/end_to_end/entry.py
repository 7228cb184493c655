"""Questions about Postfix's entry services and the mail that comes in there, for scenarios that change them."""

import re
import shlex

from end_to_end import samples
from end_to_end.gateway import Gateway, new_token, parse, wait_for

TEAM = "team@example.test"
# What the administrator of the scenario before_queue has set for port 25.
OF_THE_ADMINISTRATOR = {"smtpd_helo_required": "yes", "smtpd_banner": "$myhostname ESMTP of the administrator"}


def options(gateway: Gateway, service: str) -> dict[str, str]:
    """The -o options of a service of master.cf, such as smtp/inet."""
    lines = gateway.host.run(f"postconf -P {shlex.quote(service + '/*')}").stdout.splitlines()
    pairs = (line.partition("=") for line in lines)
    return {name.strip().rpartition("/")[2]: value.strip() for name, _, value in pairs}


def process_limit(gateway: Gateway, service: str) -> str:
    """The column maxproc of a service of master.cf."""
    limit: str = gateway.host.check_output(f"postconf -F -h {shlex.quote(service + '/process_limit')}")
    return limit


def assert_postfix_is_content(gateway: Gateway) -> None:
    """`postfix check` finds nothing to say, and neither does postconf."""
    for command in ("postfix check", "postconf -n", "postconf -M", "postconf -P"):
        result = gateway.host.run(command)
        assert (result.rc, result.stderr) == (0, ""), command


def assert_alias_expands_once(gateway: Gateway) -> None:
    """An alias with two members and an automatic blind copy: each gets the mail once (contract B20.03)."""
    token = new_token()
    reply = gateway.send(token, samples.text_mail(token, TEAM, b"to all\r\n"), TEAM)
    assert reply.code == 250, reply
    copies = wait_for(f"three copies of {token}", lambda: copies_of(gateway, token, 3))
    recipients = sorted(parse(copy)["Delivered-To"] for copy in copies)
    assert recipients == ["probe+copy@example.test", "probe+one@example.test", "probe+two@example.test"]
    wait_for("an empty queue", lambda: "empty" in gateway.host.check_output("postqueue -p"))
    assert len(gateway.delivered(token)) == 3


def copies_of(gateway: Gateway, token: str, number: int) -> list[bytes] | None:
    """The copies in the mailbox, once there are so many."""
    copies = gateway.delivered(token)
    return copies if len(copies) >= number else None


def assert_header_checks_work(gateway: Gateway) -> None:
    """The administrator's header_checks refuse a mail in its SMTP session; without that header it passes."""
    token = new_token()
    message = samples.text_mail(token, "probe@example.test", b"hello\r\n")
    reply = gateway.send(token, b"X-Refuse-Me: yes\r\n" + message)
    assert reply.code == 550, reply
    assert "not with this header" in reply.text
    gateway.send_accepted(token, b"X-Keep-Me: yes\r\n" + message)
    delivered = gateway.wait_delivered(token)
    assert b"X-Keep-Me: yes" in delivered
    received = parse(delivered).get_all("Received", [])
    assert len(received) == len([field for field in received if re.search(r"mailcordon|Postfix", field)]) == 3, received
