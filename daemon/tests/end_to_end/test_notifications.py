"""Notifications go back into a real Postfix, and not through the filter again (B11; features 14.11)."""

import email
import email.policy
import os
import smtplib
import subprocess
from pathlib import Path

import pytest

from bench.postfix_loop import PostfixLoop
from samples import eicar, eicar_twin, with_attachment
from servers import Clamd

from .daemon import COMMAND, Daemon, NextHop, wait_until

DOMAIN = "sinkhole.example.test"
SENDER, RECIPIENT, ADMIN = f"alice@{DOMAIN}", f"bob@{DOMAIN}", f"admin@{DOMAIN}"


@pytest.mark.skipif(os.geteuid() != 0, reason="Postfix starts as root only")
def test_notifications_are_not_filtered_again(clamd: Clamd, next_hop: NextHop, tmp_path: Path) -> None:
    """Features 14.11; contract B11.05: an infected mail is reported to its sender, an administrator and its recipient,
    all by way of Postfix; its twin is delivered and reported to nobody."""
    for path in (tmp_path, *tmp_path.parents):
        if "pytest-of-" in str(path):
            path.chmod(0o755)
    (tmp_path / "postfix").mkdir()
    relay = f"relay_transport = smtp:[127.0.0.1]:{next_hop.port}\nsmtp_dns_support_level = disabled\n"
    loop = PostfixLoop(tmp_path / "postfix", relay)
    daemon = Daemon(tmp_path / "daemon", clamd.path, loop)
    daemon.configure(
        "45-loop",
        f"""
        forward_method = "smtp:[127.0.0.1]:{loop.way_back}"
        notify_method = "smtp:[127.0.0.1]:{loop.way_back}"
        final_virus_destiny = "bounce"
        virus_admin = "{ADMIN}"
        warnvirusrecip = true
        l10n_language = "de_DE"
        """,
    )
    loop.lead_through("mailcordon", daemon.port)
    try:
        daemon.start()
        with loop:
            with smtplib.SMTP("127.0.0.1", loop.port, timeout=60) as client:
                for octets in (eicar(), eicar_twin()):
                    client.sendmail(SENDER, [RECIPIENT], with_attachment(octets))
            wait_until(lambda: len(next_hop.messages()) >= 4, f"four mails arrive: {daemon.log()}")
            wait_until(lambda: not loop.queued(), "Postfix's queue is empty")
    finally:
        daemon.stop()
    received = [email.message_from_bytes(octets, policy=email.policy.default) for octets in next_hop.messages()]
    by_kind = {str(message["Message-ID"])[1:3]: message for message in received}
    assert len(received) == 4
    assert set(by_kind) == {"VS", "VA", "VR", "20"}
    assert [by_kind[kind]["To"] for kind in ("VS", "VA", "VR")] == [SENDER, ADMIN, RECIPIENT]
    assert by_kind["VS"].get_content_type() == "multipart/report"
    text = by_kind["VA"].get_content()
    assert "Größe: " in text
    assert "In der Quarantäne: " in text
    entries = [line for line in daemon.log().splitlines() if ") Passed " in line or ") Blocked " in line]
    assert len(entries) == 2
    assert daemon.log().count("mail_id: ") == 2
    assert by_kind["VA"]["Received"] is not None
    assert "mailcordon" not in "".join(by_kind["VA"].get_all("Received", []))
    assert "mailcordon" in "".join(by_kind["20"].get_all("Received", []))


def test_faulty_template_is_refused(daemon: Daemon, tmp_path: Path) -> None:
    """Contract B11.09: the daemon does not start with it, and says why; without the fault it does."""
    place = tmp_path / "l10n" / "en_US"
    place.mkdir(parents=True)
    template = place / "template-dsn.txt"
    template.write_text("From: {{ hdrfrom }}\nSubject: x\n\n{{ nonsense }}\n")
    daemon.configure("50-user", f'l10n_directory = "{tmp_path / "l10n"}"')
    checked = subprocess.run(
        [str(COMMAND), "check-config", "--config-dir", str(daemon.config_directory)], capture_output=True, check=False
    )
    assert checked.returncode == 1
    assert checked.stderr.decode() == f"{template}:4: unknown variable nonsense\n"
    daemon.launch()
    assert daemon.wait() == 78
    assert f"{template}:4: unknown variable nonsense" in daemon.output()
    template.write_text("From: {{ hdrfrom }}\nSubject: x\n\n{{ mail_id }}\n")
    daemon.start()
