"""The two families of checks are off as packaged, and two settings switch them on (features 1.02, 1.07)."""

import signal

from samples import eicar, gtube
from servers import Clamd, Spamd

from .daemon import Daemon, NextHop, text_mail, wait_until


def test_two_settings_switch_the_checks_on(daemon: Daemon, next_hop: NextHop, clamd: Clamd, spamd: Spamd) -> None:
    """Features 1.02, 1.07, 5.28, 5.29: as packaged EICAR and GTUBE pass unseen; after a reload they do not."""
    scanners = f"""
        [[av_scanners]]
        name = "clamd"
        protocol = "clamd"
        socket = "{clamd.path}"
        [[spam_scanners]]
        name = "spamd"
        protocol = "spamd"
        socket = "{spamd.path}"
        """
    daemon.configure("50-user", "bypass_virus_checks = true\nlog_level = 5\n" + scanners)
    daemon.start()
    for octets, name in ((eicar(), "virus-off"), (gtube(), "spam-off")):
        assert daemon.send(text_mail(octets, name)).startswith("250 2.6.0 Ok")
        assert next_hop.has(f"{name}@")
    wait_until(lambda: daemon.log().count("Passed CLEAN") == 2, "the main log entries")
    assert "run_av" not in daemon.log()
    assert daemon.log().count("Hits: -,") == 2
    daemon.configure("50-user", "bypass_virus_checks = false\nbypass_spam_checks = false\n" + scanners)
    before = set(daemon.workers())
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: not before & set(daemon.workers()), "the old workers leave")
    for octets, name in ((eicar(), "virus-on"), (gtube(), "spam-on")):
        assert daemon.send(text_mail(octets, name)).startswith("250 2.7.0 Ok, discarded")
        assert not next_hop.has(f"{name}@")
