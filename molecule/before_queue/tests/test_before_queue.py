"""Mail from outside is judged while the sender waits: checklist 15, 18, 19; features 4.01, 4.11."""

import re
import smtplib

import pytest

from end_to_end import samples
from end_to_end.entry import (
    OF_THE_ADMINISTRATOR,
    assert_alias_expands_once,
    assert_header_checks_work,
    assert_postfix_is_content,
    options,
    process_limit,
)
from end_to_end.gateway import RECIPIENT, Gateway, body_of, new_token, parse

FORMS = sorted(samples.FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_eicar_is_refused_in_the_session(gateway: Gateway, form: str) -> None:
    """Checklist 19: 5.7.x; the log names the client that Postfix saw (features 4.11: XFORWARD)."""
    token = new_token()
    reply = gateway.send(token, samples.FORMS[form](token, RECIPIENT, samples.eicar()))
    assert reply.code == 554, reply
    assert re.search(r"5\.7\.\d .*INFECTED: Eicar-Test-Signature", reply.text), reply
    entry = gateway.wait_logged(token, "Blocked")
    assert "Blocked INFECTED (Eicar-Test-Signature" in entry
    assert f"[{reply.client_address}]" in entry
    assert gateway.queued(token) is None
    assert not gateway.delivered(token)


@pytest.mark.parametrize("form", FORMS)
def test_harmless_twin_arrives(gateway: Gateway, form: str) -> None:
    """Checklist 10: one byte changed, and the mail arrives unchanged."""
    token = new_token()
    gateway.passes_unchanged(token, samples.FORMS[form](token, RECIPIENT, samples.twin()))


def test_gtube_is_refused_in_the_session(gateway: Gateway) -> None:
    """Checklist 19."""
    token = new_token()
    reply = gateway.send(token, samples.FORMS["plain"](token, RECIPIENT, samples.gtube()))
    assert reply.code == 554, reply
    assert re.search(r"5\.7\.\d .*spam", reply.text), reply
    assert "Blocked SPAM" in gateway.wait_logged(token, "Blocked")
    assert not gateway.delivered(token)


def test_one_session_with_good_and_bad_mails(gateway: Gateway) -> None:
    """Each mail of a session is judged alone; the twin of GTUBE passes between the others."""
    contents = [samples.twin(), samples.eicar(), samples.gtube_twin(), samples.gtube(), b"harmless"]
    tokens = [new_token() for _ in contents]
    mails = [(t, samples.FORMS["plain"](t, RECIPIENT, c)) for t, c in zip(tokens, contents, strict=True)]
    replies = gateway.send_in_one_session(mails)
    assert [reply.code for reply in replies] == [250, 554, 250, 554, 250], replies
    for token, reply in zip(tokens, replies, strict=True):
        if reply.code == 250:
            gateway.wait_delivered(token)
        else:
            assert not gateway.delivered(token)


def test_a_message_traverses_once(gateway: Gateway) -> None:
    """Features 4.01, checklist 18: entry, filter, reinjection, each once."""
    token = new_token()
    reply = gateway.send_accepted(token, samples.text_mail(token, RECIPIENT, b"hello\r\n"))
    received = [" ".join(value.split()) for value in parse(gateway.wait_delivered(token)).get_all("Received", [])]
    assert len(received) == 3, received
    assert "[127.0.0.1]" in received[0]
    assert "(mailcordon, port 10024) with ESMTP" in received[1]
    assert f"[{reply.client_address}]" in received[2]
    assert len(gateway.log_entries(token)) == 1


def test_mail_of_the_host_is_filtered_after_the_queue(gateway: Gateway) -> None:
    """What sendmail(1) takes never saw port 25: content_filter leads it to the filter all the same."""
    infected, harmless = new_token(), new_token()
    gateway.sendmail(infected, samples.FORMS["zip"](infected, RECIPIENT, samples.eicar()))
    gateway.sendmail(harmless, samples.FORMS["zip"](harmless, RECIPIENT, samples.twin()))
    assert b"X-Virus-Scanned" in gateway.wait_delivered(harmless)
    assert "Blocked INFECTED" in gateway.wait_logged(infected, "Blocked")
    assert not gateway.delivered(infected)


def test_unknown_recipient_is_refused_before_the_filter(gateway: Gateway) -> None:
    """Checklist 15."""
    token = new_token()
    recipient = "nobody-of-that-name@example.test"
    reply = gateway.send(token, samples.text_mail(token, recipient, b"hello\r\n"), recipient)
    assert reply.code == 550, reply
    assert gateway.log_entries(token) == []


def test_the_announced_size_is_the_size_that_is_taken(gateway: Gateway) -> None:
    """Checklist 6: exactly the announced size passes all the way; more is refused in the session."""
    with smtplib.SMTP(gateway.address, 25, timeout=60) as client:
        client.ehlo("client.sender.example")
        announced = int(client.esmtp_features["size"])
    assert announced == int(gateway.host.check_output("postconf -h message_size_limit")) == 1048576
    for more, code in ((0, 250), (1, 552)):
        token = new_token()
        head = samples.text_mail(token, RECIPIENT, b"")
        line = b"x" * 76 + b"\r\n"
        body = line * (announced // len(line))
        message = (head + body)[: announced - 2 + more] + b"\r\n"
        assert len(message) == announced + more
        reply = gateway.send(token, message)
        assert reply.code == code, reply
        if code == 250:
            assert body_of(gateway.wait_delivered(token)) == body_of(message)


def test_aliases_expand_once(gateway: Gateway) -> None:
    """Checklist 16; contract B20.03."""
    assert_alias_expands_once(gateway)


def test_header_checks_work(gateway: Gateway) -> None:
    """They run behind the filter, and their refusal still reaches the sender in the session."""
    assert_header_checks_work(gateway)


def test_options_of_the_administrator_are_there(gateway: Gateway) -> None:
    """Beside ours, which are all there."""
    there = options(gateway, "smtp/inet")
    assert OF_THE_ADMINISTRATOR.items() <= there.items()
    assert there["smtpd_proxy_filter"] == "127.0.0.1:10024"
    assert there["smtpd_proxy_options"] == "speed_adjust"
    assert there["content_filter"] == ""
    overrides = gateway.host.check_output("postconf -h receive_override_options")
    assert overrides == "no_milters, no_address_mappings"


def test_both_ways_stay_within_the_filters_capacity(gateway: Gateway) -> None:
    """Features 4.03: the processes of entry and transport together are as many as the filter handles at a time."""
    capacity = int(gateway.host.check_output("nproc")) * 20
    entry = int(process_limit(gateway, "smtp/inet"))
    feed = int(process_limit(gateway, "amavisfeed/unix"))
    assert entry + feed == capacity
    assert min(entry, feed) >= 1
    assert int(options(gateway, "smtp/inet")["smtpd_client_connection_count_limit"]) <= entry


def test_the_way_back_is_for_loopback_only(gateway: Gateway) -> None:
    """Features 4.06, 4.08: nobody listens on other addresses, and a client that is not loopback is refused."""
    listening = gateway.host.check_output("ss -Hltn 'sport = :10025'").split()[3]
    assert listening == "127.0.0.1:10025"
    with pytest.raises(ConnectionRefusedError), smtplib.SMTP(gateway.address, 10025, timeout=10):
        pass
    ask = (
        "import smtplib, sys; client = smtplib.SMTP('127.0.0.1', 10025, source_address=(sys.argv[1], 0)); "
        "client.ehlo(); print(client.mail('a@sender.example')[0], client.rcpt('probe@example.test')[0])"
    )
    assert gateway.host.check_output(f'python3 -c "{ask}" 127.0.0.1') == "250 250"
    answer = gateway.host.run(f'python3 -c "{ask}" {gateway.address}')
    assert answer.rc != 0 or answer.stdout.split()[1].startswith("5"), answer


def test_postfix_is_content(gateway: Gateway) -> None:
    """Features 18.13: no warning in `postfix check`, and the filter is found without DNS."""
    assert_postfix_is_content(gateway)
    assert options(gateway, "amavisfeed/unix")["lmtp_dns_support_level"] == "disabled"
