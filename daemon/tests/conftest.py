"""Fixtures for every room: settings and messages made by hand, no files of the host involved."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mailcordon.config import load as config_load
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Envelope, Recipient, Session
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.ids import new_mail_id
from mailcordon.mail.message import Mail
from mailcordon.receive.spool import MemoryContent

pytest_plugins = ["packers", "servers", "databases", "commands", "fingerprinting"]


@pytest.fixture
def gate() -> asyncio.Event:
    """Opened by the test to let waiting handlers go on."""
    return asyncio.Event()


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings as packaged, with a host name and directories of the test, and whatever is overridden."""

    def make(**overrides: Any) -> Settings:
        values, _ = config_load.merge(config_load.fragments(config_load.packaged_directory(), []), [], [])
        # What programs the host has is not the tests' business.
        values["av_scanners"] = [entry for entry in values["av_scanners"] if entry["protocol"] == "clamd"]
        values["av_scanners_backup"] = []
        settings = Settings.model_validate(
            {**values, "myhostname": "gate.example.test", "MYHOME": str(tmp_path), **overrides}
        )
        for directory in (settings.TEMPBASE, settings.QUARANTINEDIR):
            directory.mkdir(exist_ok=True, parents=True)
        return settings

    return make


@pytest.fixture
def make_mail() -> Iterable[Callable[..., Mail]]:
    """A `Mail` of the given octets, sender and recipients; its content is closed after the test."""
    made: list[Mail] = []

    def make(
        octets: bytes,
        *,
        sender: str = "alice@sender.example",
        recipients: Iterable[str | Recipient] = ("bob@example.test",),
        session: Session | None = None,
    ) -> Mail:
        mail = Mail(
            log_id="04711-01",
            mail_id=new_mail_id(),
            received_at=datetime.now().astimezone(),
            session=session or Session(),
            envelope=Envelope(
                sender=sender,
                recipients=tuple(r if isinstance(r, Recipient) else Recipient(r) for r in recipients),
            ),
            header=HeaderSection.of(octets),
            content=MemoryContent(octets),
        )
        made.append(mail)
        return mail

    yield make
    for mail in made:
        mail.content.close()
