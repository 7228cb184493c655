"""The workers run on uvloop, whose sockets are not those of the standard library's loop."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop
from checking import inputs

from mailcordon.check.registry import Checks
from mailcordon.config.settings import Settings
from mailcordon.errors import ScannerError
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from samples import eicar, gtube, plain
from servers import SIGNATURE, Clamd, Spamd


def test_both_checks(
    clamd: Clamd, spamd: Spamd, make_settings: Callable[..., Settings], make_mail: Callable[..., Mail]
) -> None:
    settings = make_settings(
        bypass_virus_checks=False,
        bypass_spam_checks=False,
        av_scanners=[
            {"name": "unix", "protocol": "clamd", "socket": clamd.path},
            {"name": "tcp", "protocol": "clamd", "socket": f"127.0.0.1:{clamd.port}"},
        ],
        spam_scanners=[{"name": "SpamAssassin", "protocol": "spamd", "socket": spamd.path}],
    )
    mails = [make_mail(plain(body)) for body in (eicar(), gtube(), b"Hello\r\n")]

    async def run() -> list[Findings]:
        checks = Checks(settings)
        await checks.ready()
        results = await asyncio.gather(*(checks.run(*inputs(mail, settings)) for mail in mails))
        await checks.close()
        return results

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        infected, spam, clean = runner.run(run())
    assert [found.source for found in infected.found] == ["unix", "tcp"]
    assert infected.virus_names == (SIGNATURE,)
    assert spam.spam is not None
    assert spam.spam.score >= 999
    assert clean.spam is not None
    assert (clean.found, clean.spam.score < 5) == ((), True)


def test_timeout_and_recovery(
    own_clamd: Clamd, make_settings: Callable[..., Settings], make_mail: Callable[..., Mail]
) -> None:
    settings = make_settings(
        bypass_virus_checks=False,
        av_scan_timeout=1,
        av_scanners=[{"name": "unix", "protocol": "clamd", "socket": own_clamd.path}],
    )
    mail = make_mail(plain(eicar()))

    async def run() -> Findings:
        checks = Checks(settings)
        await checks.ready()
        own_clamd.suspend()
        with pytest.raises(ScannerError):
            await checks.run(*inputs(mail, settings))
        own_clamd.resume()
        findings = await checks.run(*inputs(mail, settings))
        await checks.close()
        return findings

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run()).virus_names == (SIGNATURE,)
