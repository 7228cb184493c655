"""After one more run with `postfix_filter_mode: before_queue`."""

from end_to_end import samples
from end_to_end.entry import OF_THE_ADMINISTRATOR, assert_postfix_is_content, options
from end_to_end.gateway import RECIPIENT, Gateway, new_token


def test_mail_is_refused_in_the_session_again(gateway: Gateway) -> None:
    """Checklist 19, with its twin."""
    infected, harmless = new_token(), new_token()
    assert gateway.send(infected, samples.FORMS["zip"](infected, RECIPIENT, samples.eicar())).code == 554
    assert gateway.send(harmless, samples.FORMS["zip"](harmless, RECIPIENT, samples.twin())).code == 250
    gateway.wait_delivered(harmless)
    assert OF_THE_ADMINISTRATOR.items() <= options(gateway, "smtp/inet").items()
    assert_postfix_is_content(gateway)
