"""Two engines at a time, and what readers of the mail and of the log are told of them (B14.06, B9.04)."""

from servers import Rspamd, Spamd

from .daemon import Daemon, NextHop, text_mail, wait_until


def test_points_of_two_engines(
    daemon: Daemon, next_hop: NextHop, exact_spamd: Spamd, rspamd: Rspamd, token: str
) -> None:
    """B14.06, B9.04, B8.08, features 8.07: rspamd with a factor and SpamAssassin, summed; both in report and log."""
    daemon.configure(
        "50-user",
        f"""
        bypass_virus_checks = true
        bypass_spam_checks = false
        spam_kill_level = 20
        log_level = 2
        [allowed_added_header_fields]
        "X-Spam-Report" = true
        "X-Spam-Checker-Version" = true
        [[spam_scanners]]
        name = "sa"
        protocol = "spamd"
        socket = ["{exact_spamd.path}"]
        [[spam_scanners]]
        name = "rs"
        protocol = "rspamd"
        socket = ["127.0.0.1:{rspamd.port}", "{rspamd.path}"]
        score_factor = 2
        """,
    )
    daemon.start()
    assert daemon.send(text_mail(b"a forbidden word", token)).startswith("250 2.6.0 Ok")
    (delivered,) = next_hop.messages()
    head = delivered.partition(b"\n\n")[0].decode().replace("\r", "")
    assert "X-Spam-Flag: YES\n" in head
    assert "FORBIDDEN_WORD=14.5" in head
    assert "*  14.5 FORBIDDEN_WORD Body has the word forbidden\n" in head
    assert "X-Spam-Report: * -0.001 NO_RECEIVED Informational: message has no Received\n headers\n" in head
    assert "X-Spam-Checker-Version: SpamAssassin " in head
    assert "rspamd/" in head
    wait_until(lambda: "TIMING [total" in daemon.log(), "the timing")
    log = daemon.log()
    assert log.count("TIMING-SA total ") == 2
    assert "spam-rs: " in log
    assert "spam-sa: " in log
    wait_until(lambda: daemon.log().count("Found spam scanner") == 3, "the servers of both scanners")
    for name, address in (("sa", exact_spamd.path), ("rs", f"127.0.0.1:{rspamd.port}"), ("rs", rspamd.path)):
        assert f"Found spam scanner {name} at {address}\n" in daemon.log()
