"""Lists what is in quarantine by the copies themselves: files, packed ones, batches, mailboxes (B10.04 to B10.06)."""

import contextlib
import gzip
import heapq
import itertools
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from mailcordon.act.mailbox_file import messages_in
from mailcordon.act.notice_context import readable
from mailcordon.act.release_message import category_of
from mailcordon.act.stored_copy import GZIP, addresses_of, head_of, mail_id_in, sender_in
from mailcordon.confined_file import open_below, open_directory_below
from mailcordon.mail.category import CLEAN
from mailcordon.mail.content_code import content_code
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.kept import KeptMail, KeptRecipient, WantedMails, moment
from mailcordon.mail.release import CopyKind

_HEAD = 128 * 1024
"""Octets of a copy in which its header section is looked for."""
_BATCH = b"EHLO "
_BATCH_DATA = b"\nDATA\r\n"
_MAILBOX = b"From "
_SCORE = re.compile(r"\bscore=(-?\d+(?:\.\d+)?)")
_PREFIXES = {"unchecked": "U", "clean": "C", "archive": "C"}
"""Of names as the packaged methods make them, where the copy itself says nothing."""


@dataclass(frozen=True, slots=True)
class _File:
    relative: PurePosixPath
    size: int
    changed_at: float


def kept_below(directory: Path, wanted: WantedMails, problem: Callable[[str], None]) -> Iterator[KeptMail]:
    """The mails that are kept below `directory`, QUARANTINEDIR: with a limit the latest first, else in no order.

    At most as many as the limit are held in memory. `problem` is told of what cannot be read, one line each; the rest
    is listed. Blocks. Raises OSError when the directory itself cannot be read.
    """
    # Without it an empty list would hide that nothing could be read.
    os.close(open_directory_below(directory, PurePosixPath()))
    if not wanted.limit:
        for file in _candidates(directory, wanted, problem):
            if not _is_too_old(file, wanted):
                yield from filter(wanted.takes, _copies(directory, file, problem))
        return
    latest: list[tuple[datetime, int, KeptMail]] = []
    numbers = itertools.count()
    for file in _candidates(directory, wanted, problem):
        # Nothing in a file is younger than its last change.
        if _is_too_old(file, wanted) or (len(latest) == wanted.limit and moment(file.changed_at) < latest[0][0]):
            continue
        for mail in filter(wanted.takes, _copies(directory, file, problem)):
            entry = (mail.received_at, next(numbers), mail)
            if len(latest) < wanted.limit:
                heapq.heappush(latest, entry)
            else:
                heapq.heappushpop(latest, entry)
    yield from (mail for _, _, mail in sorted(latest, reverse=True))


def kept_alone_below(directory: Path, before: datetime, problem: Callable[[str], None]) -> Iterator[KeptMail]:
    """The mails in files of their own that were last changed before that time; `received_at` is the time of the change.

    Otherwise as `kept_below`. A mailbox, which grows, is passed over.
    """
    os.close(open_directory_below(directory, PurePosixPath()))
    for file in _files(directory, problem):
        if moment(file.changed_at) < before:
            for mail in itertools.islice(_copies(directory, file, problem), 1):
                if mail.quar_type != CopyKind.MAILBOX.value:
                    yield replace(mail, received_at=moment(file.changed_at))


def _is_too_old(file: _File, wanted: WantedMails) -> bool:
    return wanted.since is not None and moment(file.changed_at) < wanted.since


def _candidates(top: Path, wanted: WantedMails, problem: Callable[[str], None]) -> Iterator[_File]:
    """All files, or those that are named after the one mail that is wanted, if there are such: no other is opened."""
    if wanted.mail_id is not None:
        named = [file for file in _files(top, problem) if wanted.mail_id in file.relative.name]
        if named:
            yield from named
            return
    yield from _files(top, problem)


def _files(top: Path, problem: Callable[[str], None]) -> Iterator[_File]:
    """Regular files; one directory after the other, so that the names are never all in memory."""
    directories = [PurePosixPath()]
    while directories:
        relative = directories.pop()
        try:
            descriptor = open_directory_below(top, relative)
        except FileNotFoundError:
            continue
        except OSError as error:
            problem(f"{top / relative}: {error.strerror}")
            continue
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    if stat.S_ISDIR(status.st_mode):
                        directories.append(relative / entry.name)
                    elif stat.S_ISREG(status.st_mode) and status.st_size:
                        yield _File(relative / entry.name, status.st_size, status.st_mtime)
        finally:
            os.close(descriptor)


def _copies(top: Path, file: _File, problem: Callable[[str], None]) -> Iterator[KeptMail]:
    """What a file holds: files that hold nothing of the quarantine's are passed over."""
    try:
        with os.fdopen(open_below(top, file.relative), "rb") as octets:
            for kind, head in _heads(octets):
                header = HeaderSection.of(head)
                if mail_id_in(header):
                    yield _mail(header, kind, file)
    except FileNotFoundError:
        # Released and removed, or purged, a moment ago.
        return
    except (OSError, EOFError, zlib.error) as error:
        problem(f"{top / file.relative}: {getattr(error, 'strerror', None) or error}")


def _heads(file: BinaryIO) -> Iterator[tuple[CopyKind, bytes]]:
    start = file.read(_HEAD)
    if start.startswith(GZIP):
        file.seek(0)
        with gzip.GzipFile(fileobj=file) as packed:
            yield CopyKind.GZIP, packed.read(_HEAD)
    elif start.startswith(_MAILBOX):
        file.seek(0)
        for lines in messages_in(file):
            yield CopyKind.MAILBOX, head_of(lines)[0]
    elif start.startswith(_BATCH):
        yield CopyKind.BSMTP, start.partition(_BATCH_DATA)[2]
    else:
        yield CopyKind.FILE, start


def _mail(header: HeaderSection, kind: CopyKind, file: _File) -> KeptMail:
    blocked = frozenset(addresses_of(header.text("X-Envelope-To-Blocked")))
    score = _SCORE.search(header.text("X-Spam-Status") or "")
    return KeptMail(
        mail_id=mail_id_in(header),
        partition_tag="",
        received_at=_received_at(header) or moment(file.changed_at),
        sender=sender_in(header),
        recipients=tuple(
            KeptRecipient(address, address in blocked) for address in addresses_of(header.text("X-Envelope-To"))
        ),
        content=_content(header, file.relative.name),
        quar_type=kind.value,
        location=str(file.relative),
        subject=readable(header.text("Subject")),
        author=readable(header.text("From")),
        message_id=(header.text("Message-ID") or ""),
        score=float(score[1]) if score else None,
        size=file.size if kind is CopyKind.FILE else None,
    )


def _content(header: HeaderSection, name: str) -> str:
    category = category_of(header)
    if category == CLEAN:
        return _PREFIXES.get(re.split(r"[-_.]", name, maxsplit=1)[0], content_code(CLEAN))
    return content_code(category)


def _received_at(header: HeaderSection) -> datetime | None:
    """When the filter received it: the topmost Received field is its own."""
    text = (header.text("Received") or "").rpartition(";")[2]
    with contextlib.suppress(ValueError, OverflowError):
        found = cast("datetime | None", parsedate_to_datetime(text[:100].strip()))
        return found.astimezone() if found else None
    return None
