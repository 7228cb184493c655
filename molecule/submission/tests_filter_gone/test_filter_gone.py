"""After a run with `mailcordon_enabled: false` and submission still on: users go on sending, unfiltered."""

from end_to_end import samples
from end_to_end.entry import assert_postfix_is_content, options
from end_to_end.gateway import RECIPIENT, Gateway, new_token
from end_to_end.submitting import User, submit


def test_users_submit_mail_past_the_filter(gateway: Gateway) -> None:
    """Checklist 4: even EICAR arrives."""
    token = new_token()
    message = samples.FORMS["plain"](token, RECIPIENT, samples.eicar())
    assert submit(gateway, User("alice", "another password of alice"), token, message).code == 250
    assert b"X-Virus-Scanned" not in gateway.wait_delivered(token)
    assert "content_filter" not in options(gateway, "submission/inet")
    assert_postfix_is_content(gateway)
