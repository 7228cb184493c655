"""Messages for the unpacker, and what came out of them."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from puppet_decoders import BEGINNING

from mailcordon.config.settings import Settings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.unpack import split
from mailcordon.unpack.pool import DECODERS
from mailcordon.unpack.unpacker import Unpacked, Unpacker

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
PUPPETS = "puppet_decoders:all_decoders"


def let_puppets_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoder processes find `puppet_decoders`."""
    own = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH")))))


def attached(*attachments: tuple[str, bytes]) -> bytes:
    """A message with text and these attachments."""
    message = EmailMessage(policy=SMTP)
    message["From"] = "alice@sender.example"
    message["Date"] = "Sun, 22 Nov 2026 12:00:00 +0000"
    message.set_content("See the attachments.\n")
    for name, octets in attachments:
        message.add_attachment(octets, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def puppet(*commands: str) -> bytes:
    """A message that has the puppet do that."""
    return attached(("puppet.bin", (BEGINNING + "\n".join((*commands, ""))).encode()))


@asynccontextmanager
async def unpacker(settings: Settings, decoders: str = DECODERS) -> AsyncIterator[Unpacker]:
    """One with its own decoder processes, which end with the context."""
    made = Unpacker(settings, decoders=decoders)
    try:
        yield made
    finally:
        await made.close()


class Result:
    """A message that went through the unpacker; its files are there until it is closed."""

    def __init__(self, root: Part, unpacked: Unpacked) -> None:
        self.root = root
        self.unpacked = unpacked
        self.contents = {
            part.names[0]: part.file.read_text(errors="replace")
            for part in root.walk()
            if part.is_member and part.names and part.file
        }

    @property
    def names(self) -> list[str]:
        """Names of all parts that have one, in order."""
        return [part.names[0] for part in self.root.walk() if part.names]

    @property
    def problems(self) -> list[str]:
        """`CATEGORY: text` of each finding."""
        return [f"{finding.category.display_name}: {finding.name}" for finding in self.unpacked.findings]

    def types(self, name: str) -> tuple[str, ...]:
        """Short types of the first part with that name."""
        return next(part.short_types for part in self.root.walk() if name in part.names)


async def through(unpacking: Unpacker, mail: Mail, settings: Settings) -> Result:
    """Take a message through; its files are removed at once, what is in them is kept."""
    root = split(mail.content.view()).root
    unpacked = await unpacking.unpack(mail, root, settings)
    try:
        return Result(root, unpacked)
    finally:
        await unpacked.close()


def is_empty(directory: Path) -> bool:
    """Whether nothing was left behind."""
    return not any(directory.iterdir())
