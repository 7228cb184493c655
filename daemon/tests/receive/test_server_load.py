"""Load from Postfix's own generator, smtp-source: SMTP and LMTP, in parallel, with messages of several sizes."""

import asyncio
import shutil
from collections.abc import Callable

import pytest
from receiving import Recorder, outcome_of, serving

from mailcordon.config.settings import Settings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome

MakeSettings = Callable[..., Settings]
SMTP_SOURCE = shutil.which("smtp-source", path="/usr/sbin:/usr/bin")


async def _load(*arguments: str) -> tuple[int, str]:
    assert SMTP_SOURCE, "smtp-source is missing; install the package postfix"
    process = await asyncio.create_subprocess_exec(
        SMTP_SOURCE, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, output.decode()


@pytest.mark.parametrize("protocol", [[], ["-L"]], ids=["SMTP", "LMTP"])
@pytest.mark.parametrize(("length", "number"), [(500, 400), (70_000, 60)], ids=["small", "in a file"])
async def test_parallel_load(make_settings: MakeSettings, protocol: list[str], length: int, number: int) -> None:
    """Every message arrives once, no more than max_messages_per_worker at a time, three recipients each."""

    async def work(mail: Mail) -> Outcome:
        await asyncio.sleep(0.001)
        return outcome_of(mail)

    handler = Recorder(work)
    settings = make_settings(max_messages_per_worker=5, spool_memory_limit=50_000)
    async with serving(settings, handler) as running:
        code, output = await _load(
            *protocol,
            "-s",
            "16",
            "-m",
            str(number),
            "-l",
            str(length),
            "-r",
            "3",
            "-N",
            "-f",
            "a@b.example",
            "-t",
            "c@d.example",
            f"inet:127.0.0.1:{running.port}",
        )
        assert (code, output) == (0, "")
    assert len(handler.mails) == number
    assert len({mail.mail_id for mail in handler.mails}) == number
    assert all(len(mail.envelope.recipients) == 3 for mail in handler.mails)
    assert all(abs(len(octets) - length) < 1000 for octets in handler.octets)
    assert 1 < handler.at_once <= 5
    assert not list(settings.TEMPBASE.iterdir())
