"""A scanner or the filter that stands still, before the queue: checklist 20, 23; rules 1 and 2 of the design."""

import re

from end_to_end import samples
from end_to_end.gateway import RECIPIENT, Gateway, new_token

CLAMD = ["clamav-daemon.socket", "clamav-daemon.service"]


def test_the_sender_keeps_mail_while_clamd_is_stopped(gateway: Gateway) -> None:
    """Checklist 20: 451 in the session, nothing passes unscanned; afterwards the same mails are judged right."""
    clean, infected, local = new_token(), new_token(), new_token()
    mails = [
        (clean, samples.FORMS["zip"](clean, RECIPIENT, samples.twin())),
        (infected, samples.FORMS["zip"](infected, RECIPIENT, samples.eicar())),
    ]
    with gateway.stopped(*CLAMD):
        for token, message in mails:
            reply = gateway.send(token, message)
            assert reply.code == 451, reply
            assert re.match(r"4\.\d\.\d ", reply.text), reply
            assert gateway.queued(token) is None
        gateway.sendmail(local, samples.FORMS["zip"](local, RECIPIENT, samples.twin()))
        gateway.wait_deferred(local)
        assert not any(gateway.delivered(token) for token in (clean, infected, local))
    gateway.wait_scanner()
    assert [gateway.send(token, message).code for token, message in mails] == [250, 554]
    gateway.wait_delivered(clean)
    gateway.flush_until(f"mail {local} of the host", lambda: bool(gateway.delivered(local)))
    assert not gateway.delivered(infected)


def test_the_sender_keeps_mail_while_the_filter_is_stopped(gateway: Gateway) -> None:
    """Checklist 23: a 4xx, no mail past the filter."""
    token = new_token()
    message = samples.FORMS["base64"](token, RECIPIENT, samples.eicar())
    with gateway.stopped("mailcordon.socket", "mailcordon.service"):
        reply = gateway.send(token, message)
        assert 400 <= reply.code < 500, reply
        assert gateway.queued(token) is None
    assert gateway.send(token, message).code == 554
    assert not gateway.delivered(token)
