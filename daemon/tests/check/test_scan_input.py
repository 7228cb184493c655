"""What scanners get of a message: no octet of a part is missing, whatever the scope (B14.02, B13.02)."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from scanning import attached, member

from mailcordon.check.scan_input import Item, ScanInput
from mailcordon.config.av_scanner import Scope
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.unpack import split
from samples import with_attachment

MakeMail = Callable[..., Mail]
LARGE = bytes(range(256)) * 200


@pytest.fixture
def mail(make_mail: MakeMail) -> Mail:
    """A text and a large attachment."""
    return make_mail(with_attachment(LARGE, "x.bin"))


@pytest.fixture
def root(mail: Mail, tmp_path: Path) -> Part:
    """Its tree, in which the attachment lies in a file."""
    root = split(mail.content.view()).root
    _, attachment = root.children
    attachment.file = tmp_path / "p001"
    attachment.file.write_bytes(LARGE)
    return root


def octets(item: Item) -> bytes:
    with item.chunks() as chunks:
        streamed = b"".join(chunks)
    descriptor = item.descriptor()
    with open(descriptor, "rb") as stream:
        assert stream.read() == streamed
    return streamed


async def handed_out(mail: Mail, root: Part, scope: Scope) -> list[bytes]:
    with ScanInput(mail, root) as subject:
        await subject.leave_out_attachments()
        return [octets(item) for item in subject.items(scope)]


async def test_parts(mail: Mail, root: Part) -> None:
    """The attachment by itself, and the message without it: header section, text, header of the part."""
    whole = bytes(mail.content.view())
    attachment = root.children[1]
    letter, file = await handed_out(mail, root, "parts")
    assert file == LARGE
    assert letter == whole[: attachment.body_start] + whole[attachment.end :]
    assert b"See the attachment." in letter
    assert b'filename="x.bin"' in letter


async def test_other_scopes(mail: Mail, root: Part) -> None:
    whole = bytes(mail.content.view())
    assert await handed_out(mail, root, "mail") == [whole]
    assert await handed_out(mail, root, "both") == [whole, LARGE]


async def test_nothing_in_files(mail: Mail) -> None:
    """Nobody has unpacked it: the message as it came."""
    for scope in ("mail", "parts", "both"):
        assert await handed_out(mail, split(mail.content.view()).root, scope) == [bytes(mail.content.view())]


async def test_doubtful(mail: Mail, root: Part) -> None:
    """Where readers may see other parts, or something could not be looked at, scanners see it all (CVE-2024-28054)."""
    root.is_doubtful = True
    assert await handed_out(mail, root, "parts") == [bytes(mail.content.view()), LARGE]


async def test_members_of_what_is_opened(mail: Mail, root: Part, tmp_path: Path) -> None:
    """A container of which everything came out is neither in a file nor in the message any more (B13.02)."""
    attachment = root.children[1]
    attachment.file = None
    (tmp_path / "p002").write_bytes(b"inside")
    attachment.children = [member("1.2.1", tmp_path / "p002"), member("1.2.2", None)]
    letter, inside = await handed_out(mail, root, "parts")
    assert inside == b"inside"
    assert len(letter) < mail.size - len(LARGE)


async def test_opened_and_empty(mail: Mail, root: Part) -> None:
    """Without members that take its place it stays in the message."""
    root.children[1].file = None
    assert await handed_out(mail, root, "parts") == [bytes(mail.content.view())]


@pytest.mark.parametrize("content_type", ["text/html", "message/rfc822"])
async def test_what_is_written_stays_in_the_message(mail: Mail, root: Part, content_type: str) -> None:
    """Phishing is found in messages only."""
    root.children[1].content_type = content_type
    assert await handed_out(mail, root, "parts") == [bytes(mail.content.view()), LARGE]


async def test_small_attachments_stay(make_mail: MakeMail, tmp_path: Path) -> None:
    mail = make_mail(with_attachment(b"small", "x.bin"))
    root = split(mail.content.view()).root
    root.children[1].file = tmp_path / "p001"
    root.children[1].file.write_bytes(b"small")
    assert await handed_out(mail, root, "parts") == [bytes(mail.content.view()), b"small"]


async def test_message_that_is_one_attachment(make_mail: MakeMail, tmp_path: Path) -> None:
    """There is nothing that could be left out of it."""
    mail = make_mail(b"Content-Type: application/zip\r\n\r\n" + LARGE)
    (tmp_path / "p001").write_bytes(LARGE)
    root = attached("1", tmp_path / "p001", mail.header.body_start, mail.size)
    assert await handed_out(mail, root, "parts") == [bytes(mail.content.view()), LARGE]


async def test_large_text(make_mail: MakeMail, tmp_path: Path) -> None:
    """Written in a thread; the result is the same."""
    text = b"Good morning.\r\n" * 30_000
    message = with_attachment(LARGE, "x.bin").replace(b"See the attachment.\r\n", text)
    mail = make_mail(message)
    root = split(mail.content.view()).root
    root.children[1].file = tmp_path / "p001"
    root.children[1].file.write_bytes(LARGE)
    letter, _ = await handed_out(mail, root, "parts")
    assert text in letter
    assert len(letter) < mail.size - len(LARGE)


async def test_no_descriptors_are_left_behind(mail: Mail, root: Part) -> None:
    await handed_out(mail, root, "both")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await handed_out(mail, root, "parts")
    assert len(os.listdir("/proc/self/fd")) == before
