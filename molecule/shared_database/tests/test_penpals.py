"""Who has written to whom is known to both gateways (contracts B16.01 to B16.03, B16.06; features 11.32, 11.35)."""

import json
import re

import pytest

from end_to_end import samples
from end_to_end.gateway import RECIPIENT, Gateway, new_token, parse, wait_for
from end_to_end.shared_database import GATEWAYS, Shared

# With the worker that stops the server in between
testinfra_hosts = ["docker://shared-one-12"]


def write_out(shared: Shared, gateway: Gateway, to: str, message_id: str) -> None:
    """The local user writes to somebody elsewhere; returns when the mail log knows that it went out."""
    token = new_token()
    text = samples.text_mail(token, to, b"a question\r\n")
    own_id = f"<{token}@{samples.SENDER_DOMAIN}>".encode()
    assert own_id in text
    gateway.sendmail(token, text.replace(own_id, message_id.encode()), to, RECIPIENT)
    statement = (
        "SELECT count(*) FROM msgs JOIN msgrcpt USING (partition_tag, mail_id)"
        f" WHERE message_id = '{message_id}' AND msgs.content = 'C' AND ds = 'P' AND host = '{gateway.hostname}'"
    )
    wait_for("the mail that went out in the mail log", lambda: shared.sql(statement) == "1")
    # Nobody is there to take it.
    for line in gateway.host.check_output("postqueue -j").splitlines():
        if to in line:
            queue_id = json.loads(line)["queue_id"]
            gateway.host.run(f"postsuper -d {queue_id}")


@pytest.mark.parametrize(("outgoing", "incoming"), [GATEWAYS, GATEWAYS[::-1]])
def test_answer_comes_in_elsewhere(shared: Shared, outgoing: str, incoming: str) -> None:
    """B16.01 to B16.03: his mail has the score of spam, and arrives; a stranger's does not."""
    there, here = shared.gateways[outgoing], shared.gateways[incoming]
    answer, unasked = new_token(), new_token()
    pal, stranger = (f"{token}@remote.example" for token in (answer, unasked))
    write_out(shared, there, pal, f"<{new_token()}@example.test>")
    for token, sender in ((answer, pal), (unasked, stranger)):
        assert here.send(token, samples.text_mail(token, RECIPIENT, b"an answer\r\n"), sender=sender).code == 250
    delivered = parse(here.wait_delivered(answer))
    assert re.match(r"age 0 0:0\d:\d\d", delivered["X-Amavis-PenPals"])
    status = " ".join(delivered["X-Spam-Status"].split())
    bonus = re.search(r"AM\.PENPAL=(-[\d.]+)", status)
    assert bonus is not None, status
    assert -5 <= float(bonus.group(1)) < -4.9
    assert 1.4 < float(delivered["X-Spam-Score"]) < 1.7
    assert "Passed CLEAN" in here.wait_logged(answer, "Passed")
    blocked = here.wait_logged(unasked, "Blocked")
    assert "Blocked SPAM" in blocked
    assert "Hits: 6.5" in blocked
    assert not here.delivered(unasked)
    log = here.host.check_output("journalctl -q -t amavis -o cat --no-pager")
    assert re.search(rf"penpals: adj\.bonus .*<{pal}> answers <{RECIPIENT}>, ref mail_id: ", log)
    assert f"<{stranger}> answers" not in log


@pytest.mark.parametrize(("outgoing", "incoming"), [GATEWAYS, GATEWAYS[::-1]])
def test_bounce_comes_in_elsewhere(shared: Shared, outgoing: str, incoming: str) -> None:
    """B16.06, features 11.35: a bounce of what one gateway has sent is taken by the other; of forged mail, not."""
    there, here = shared.gateways[outgoing], shared.gateways[incoming]
    own, forged = (f"<{new_token()}@laptop.elsewhere.example>" for _ in range(2))
    write_out(shared, there, f"{new_token()}@remote.example", own)
    rescued, killed = new_token(), new_token()
    for token, message_id in ((rescued, own), (killed, forged)):
        assert here.send(token, samples.bounce_mail(token, RECIPIENT, message_id), sender="").code == 250
    here.wait_delivered(rescued)
    assert "Passed" in here.wait_logged(rescued, "Passed")
    assert "Blocked SPAM" in here.wait_logged(killed, "Blocked")
    assert not here.delivered(killed)
    log = here.host.check_output("journalctl -q -t amavis -o cat --no-pager")
    assert f"bounce rescued by penpals (standard DSN), <> -> <{RECIPIENT}>" in log
    assert f"bounce killed (standard DSN), <> -> <{RECIPIENT}>" in log
