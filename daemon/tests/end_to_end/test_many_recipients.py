"""One message to many recipients of several kinds (issue 5; design rule 4; contract B7.07, B5.03)."""

import re
from collections import Counter

from servers import Clamd

from .daemon import Daemon, NextHop, text_mail, wait_until

RECIPIENTS = tuple(f"{'abc'[number % 3]}{number}@example.test" for number in range(200))


def test_three_policies_are_three_deliveries(daemon: Daemon, next_hop: NextHop, clamd: Clamd, token: str) -> None:
    """Each recipient gets the mail once, with the copy that his settings ask for; each stands in the log once,
    and has an entry of his own."""
    daemon.configure(
        "50-user",
        """
        log_recip_templ = "short"
        remove_existing_spam_headers = { regexp = [["^a", false], [".", true]] }
        remove_existing_x_scanned_headers = { regexp = [["^c", true], [".", false]] }
        """,
    )
    daemon.start()
    forged = b"X-Spam-Flag: NO\r\nX-Virus-Scanned: by others\r\n"
    assert daemon.send(forged + text_mail(b"x", token), RECIPIENTS).startswith("250 2.6.0 Ok")
    delivered = next_hop.messages()
    assert len(delivered) == 3
    got = {}
    for message in delivered:
        addresses = re.findall(rb"(?m)^X-Rcpt-Args: <([^>]+)>", message)
        kinds = {address[:1] for address in addresses}
        assert len(kinds) == 1
        got[kinds.pop().decode()] = (
            sorted(address.decode() for address in addresses),
            b"X-Spam-Flag: NO" in message,
            b"by others" in message,
        )
    assert got == {
        kind: (sorted(address for address in RECIPIENTS if address[0] == kind), kind == "a", kind != "c")
        for kind in "abc"
    }
    entries = re.compile(r"Passed CLEAN, <alice@sender\.example> -> <(\S+)>, Hits: -, .*, L/0/0/0\n")
    wait_until(lambda: len(entries.findall(daemon.log())) >= len(RECIPIENTS), "an entry for each recipient")
    assert Counter(entries.findall(daemon.log())) == Counter(RECIPIENTS)
    (entry,) = (line for line in daemon.log().splitlines() if " Passed CLEAN " in line)
    assert Counter(re.findall(r"<([abc]\d+@example\.test)>", entry)) == Counter(RECIPIENTS)
