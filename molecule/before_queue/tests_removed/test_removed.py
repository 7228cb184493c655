"""After a run with `mailcordon_enabled: false`: checklist 4; and the record of the mail sent during all switches."""

from end_to_end import samples
from end_to_end.entry import OF_THE_ADMINISTRATOR, assert_postfix_is_content, options, process_limit
from end_to_end.gateway import RECIPIENT, Gateway, new_token, wait_for


def test_nothing_is_left_of_the_filter(gateway: Gateway) -> None:
    """Issue 3, "Done when": `postfix check` clean, the administrator's options as they were."""
    assert options(gateway, "smtp/inet") == OF_THE_ADMINISTRATOR
    assert process_limit(gateway, "smtp/inet") == "-"
    assert gateway.host.check_output("postconf -h content_filter receive_override_options") == "\nno_milters"
    services = gateway.host.check_output("postconf -M")
    assert "amavisfeed" not in services
    assert "10025" not in services
    assert_postfix_is_content(gateway)


def test_mail_flows_unfiltered(gateway: Gateway) -> None:
    """Even EICAR arrives, from outside and from sendmail(1)."""
    outside, inside = new_token(), new_token()
    delivered = gateway.passes_unchanged(outside, samples.FORMS["plain"](outside, RECIPIENT, samples.eicar()))
    assert b"X-Virus-Scanned" not in delivered
    gateway.sendmail(inside, samples.FORMS["plain"](inside, RECIPIENT, samples.eicar()))
    gateway.wait_delivered(inside)


def test_no_mail_was_lost_or_doubled_during_the_switches(gateway: Gateway) -> None:
    """Rule 1: each mail that was accepted while the modes changed has arrived once, and none was refused."""
    wait_for("an empty queue", lambda: "empty" in gateway.host.check_output("postqueue -p"), timeout=60)
    record = [line.split() for line in gateway.host.check_output("cat /var/tmp/steady").splitlines()]
    accepted = sorted(token for outcome, token in record if outcome == "accepted")
    assert len(accepted) > 20
    assert len(accepted) == len(record), [entry for entry in record if entry[0] != "accepted"]
    grep = "grep -rhoE '^Subject: steady[0-9]+x' /home/probe/Maildir | cut -d' ' -f2 | sort"
    arrived = gateway.host.check_output(grep).split()
    # The sender may have been stopped between the reply and its record
    assert [token for token in arrived if token in accepted] == accepted
    assert len(arrived) - len(accepted) <= 1
