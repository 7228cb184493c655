"""Real Postfix as the next hop: what its log says of our mail (B7, features 6.05, 13.09, 13.10, 13.19)."""

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from acting import passed

from bench.postfix_loop import RECIPIENT, PostfixLoop
from bench.processes import takes_connections
from certificates import make_certificate
from end_to_end.daemon import wait_until
from mailcordon.act.dispatch import Actor
from mailcordon.config.policy import policies_for
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Client, Recipient, Session
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from servers import free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="Postfix starts as root only")

MakeMail = Callable[..., Mail]
MakeSettings = Callable[..., Settings]
CLIENT = Client("mx.sender.example", "192.0.2.7", 4711, "ESMTP", "helo.sender.example", "4XqAbC", "REMOTE")
QUEUED = re.compile(
    r"^250 2\.6\.0 Ok, id=04711-01, from MTA\(smtp:\[127\.0\.0\.1\]:\d+\): 250 2\.0\.0 Ok: queued as (\w+)$"
)
PATIENCE = 30.0


class Hop:
    """The side of a Postfix that takes mail back, and its log."""

    def __init__(self, postfix: PostfixLoop, log: Path) -> None:
        self.postfix = postfix
        self.method = f"smtp:[127.0.0.1]:{postfix.way_back}"
        self._log = log

    async def logs(self, pattern: str) -> str:
        """The first line with `pattern`, as soon as it is written."""
        for _ in range(int(PATIENCE / 0.05)):
            lines = self._log.read_text().splitlines() if self._log.exists() else []
            found = next((line for line in lines if re.search(pattern, line)), None)
            if found:
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"{pattern} is not in {self._log.read_text()}")

    def start(self) -> None:
        """Returns when the side that takes mail back answers, too."""
        self.postfix.start()
        wait_until(lambda: takes_connections(self.postfix.way_back), "Postfix takes mail back")

    def restart(self) -> None:
        """Sessions end with it."""
        self.postfix.stop()
        self.start()

    def count(self, pattern: str) -> int:
        return len(re.findall(pattern, self._log.read_text()))


@pytest.fixture(scope="module")
def hop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hop]:
    directory = tmp_path_factory.mktemp("postfix")
    for path in (directory, directory.parent, directory.parent.parent):
        path.chmod(0o755)
    certificate = make_certificate(directory)
    postfix = PostfixLoop(
        directory,
        f"smtpd_tls_security_level = may\nsmtpd_tls_loglevel = 1\nsmtpd_tls_cert_file = {certificate.cert_file}\n"
        f"smtpd_tls_key_file = {certificate.key_file}\n",
    )
    postfix.lead_through("mailcordon", free_port())
    made = Hop(postfix, directory / "maillog")
    try:
        made.start()
        yield made
    finally:
        postfix.stop()


async def deliver(actor: Actor, settings: Settings, mail: Mail) -> str:
    """The queue id under which Postfix has taken it."""
    recipients = mail.envelope.recipients
    outcome = await actor.act(
        mail, settings, Findings(), [passed(one) for one in recipients], policies_for(settings, recipients)
    )
    match = QUEUED.fullmatch(str(outcome.reply))
    assert match, outcome.reply
    assert {item.queued_as for item in outcome.recipients} == {match[1]}
    return match[1]


async def test_reply_and_client(hop: Hop, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Contract B6.09, features 6.05: the queue id stays at the end. Features 13.19: XFORWARD reaches Postfix's log."""
    settings = make_settings(forward_method=hop.method)
    actor = Actor(settings)
    mail = make_mail(
        b"Subject: x\r\n\r\nx\r\n", recipients=[RECIPIENT], session=Session(protocol="ESMTP", client=CLIENT)
    )
    queue_id = await deliver(actor, settings, mail)
    line = await hop.logs(rf"smtpd\[\d+\]: {queue_id}: ")
    assert "client=mx.sender.example[192.0.2.7]" in line
    assert "orig_queue_id=4XqAbC" in line
    await hop.logs(rf"{queue_id}: from=<alice@sender\.example>, size=\d+, nrcpt=1")
    await actor.close()


async def test_notification_of_success_is_postfix_s_work(
    hop: Hop, make_settings: MakeSettings, make_mail: MakeMail
) -> None:
    """Contract B7.08: with NOTIFY passed on Postfix tells the sender; without, or with SUCCESS hidden, it does not."""
    told = {}
    for overrides in ({}, {"propagate_dsn_if_possible": False}, {"terminate_dsn_on_notify_success": True}):
        settings = make_settings(forward_method=hop.method, **overrides)
        actor = Actor(settings)
        recipient = Recipient(RECIPIENT, notify="SUCCESS")
        mail = make_mail(b"\r\nx\r\n", sender=RECIPIENT, recipients=[recipient], session=Session(protocol="ESMTP"))
        queue_id = await deliver(actor, settings, mail)
        await actor.close()
        await hop.logs(rf"qmgr\[\d+\]: {queue_id}: removed")
        told[tuple(overrides)] = hop.count(rf"{queue_id}: sender delivery status notification")
    assert list(told.values()) == [1, 0, 0]


@pytest.mark.parametrize(("level", "encrypted"), [("none", 0), ("may", 1), ("encrypt", 1)])
async def test_starttls(hop: Hop, make_settings: MakeSettings, make_mail: MakeMail, level: str, encrypted: int) -> None:
    """Features 13.10; a kept session saves the handshakes of two mails of three (features 13.01, 13.07)."""
    before = hop.count("TLS connection established")
    settings = make_settings(forward_method=hop.method, tls_security_level_out=level)
    actor = Actor(settings)
    for _ in range(3):
        mail = make_mail(b"Subject: x\r\n\r\nx\r\n" * 1000, recipients=[RECIPIENT], session=Session(protocol="ESMTP"))
        queue_id = await deliver(actor, settings, mail)
    await actor.close()
    await hop.logs(rf"{queue_id}: removed")
    assert hop.count("TLS connection established") - before == encrypted


async def test_bulk_and_restart(hop: Hop, make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Features 13.09: Postfix restarts between two rounds; no mail is lost and none comes twice."""
    settings = make_settings(forward_method=hop.method)
    actor = Actor(settings)
    ids: list[str] = []
    for round_number in range(2):
        mails = [
            make_mail(b"Subject: x\r\n\r\n.\r\nx\r\n", recipients=[RECIPIENT], session=Session(protocol="ESMTP"))
            for _ in range(50)
        ]
        for start in range(0, len(mails), 5):
            ids += await asyncio.gather(*(deliver(actor, settings, mail) for mail in mails[start : start + 5]))
        if round_number == 0:
            await asyncio.to_thread(hop.restart)
    counters = actor.counters
    await actor.close()
    assert len(set(ids)) == 100
    for queue_id in ids:
        await hop.logs(rf"{queue_id}: removed")
    assert counters.messages == 100
    assert counters.reuse_fail == 5
    assert counters.transact == counters.new + counters.reuse_recent + counters.reuse_refreshed
    assert (counters.new, counters.reuse_refreshed) == (10, 0)
    assert counters.reuse_recent == 90
