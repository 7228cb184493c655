"""The rule `.exe` on what every packer of Debian packs, through the real pipeline (issue 6, B12.02, B13.01)."""

from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from banned_trees import banned_places

from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Category, Major
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.pipeline import Pipeline

TESTFILES = {file.name: file for file in sorted(Path("/usr/share/clamav-testfiles").iterdir())}
NOT_FOUND = {
    "clam_cache_emax.tgz": "deeper than MAXLEVELS, which is told as over limits",
    "clam.exe.html": "base64 in a page of HTML stays text",
    "clam.exe.mbox.uu": "encoded texts are opened only where their decoders are switched on",
    "clam.exe.binhex": "the same",
    "clam.pdf": "left to the virus scanners",
    "clam.sis": "no program of Debian opens it, which is told as unreadable",
}
"""Testfiles in which the rule finds nothing."""
TEXTS = {"clam.exe.uue": "encoded texts are opened only where their decoders are switched on"}
TYPE, NAME = r"^\.exe$", r"(?i)clam\.exe(;1)?$"


def message_with(files: dict[str, Path]) -> bytes:
    """All of them attached."""
    message = EmailMessage(policy=SMTP)
    message["From"] = "alice@sender.example"
    message["Date"] = "Sun, 22 Nov 2026 12:00:00 +0000"
    message.set_content("See the attachments.\n")
    for name, file in files.items():
        message.add_attachment(file.read_bytes(), maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


async def parts_of(
    files: dict[str, Path], make_settings: Callable[..., Settings], make_mail: Callable[..., Mail]
) -> tuple[dict[str, Part], set[Category]]:
    """The part of each file, unpacked, and the categories of the mail."""
    settings = make_settings(
        bypass_virus_checks=True, bypass_spam_checks=True, banned_filename_re=[TYPE], MIN_EXPANSION_QUOTA=1 << 28
    )
    pipeline = Pipeline(PolicyBanks(settings))
    try:
        inspection = await pipeline.inspect(make_mail(message_with(files)))
    finally:
        await pipeline.close()
    _text, *parts = inspection.root.children
    (verdict,) = inspection.verdicts
    return dict(zip(files, parts, strict=True)), set(verdict.categories)


async def test_every_packer(
    archives: dict[str, Path], make_settings: Callable[..., Settings], make_mail: Callable[..., Mail]
) -> None:
    """B12.02, B13.01: by its type and by its name, at whatever level the format puts it."""
    parts, categories = await parts_of(archives, make_settings, make_mail)
    assert Category(Major.BANNED) in categories
    assert {name for name, part in parts.items() if not banned_places(part, [TYPE])} == TEXTS.keys()
    assert {name for name, part in parts.items() if not banned_places(part, [NAME])} == TEXTS.keys()


async def test_every_testfile(make_settings: Callable[..., Settings], make_mail: Callable[..., Mail]) -> None:
    """B12.02, B13.01: or the reason why not."""
    parts, _ = await parts_of(TESTFILES, make_settings, make_mail)
    assert {name for name, part in parts.items() if not banned_places(part, [TYPE])} == NOT_FOUND.keys()


@pytest.mark.parametrize("name", sorted(NOT_FOUND))
def test_reasons_are_of_files_that_there_are(name: str) -> None:
    """B13.01."""
    assert name in TESTFILES
