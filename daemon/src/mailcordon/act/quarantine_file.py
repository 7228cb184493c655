"""Quarantine files: their names and how they are made durable (B10.03 to B10.05)."""

import contextlib
import gzip
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mailcordon.act.dot_stuffing import stuffed
from mailcordon.act.outgoing import command_line
from mailcordon.directories import sync_directory
from mailcordon.errors import QuarantineError
from mailcordon.mail.message import Mail

DIRECTORY_MODE = 0o750
FILE_MODE = 0o640

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.tmp", re.DOTALL)
_PLACEHOLDER = re.compile(r"%(.)", re.DOTALL)


def relative_path(template: str, mail: Mail, *, subdir_levels: int, partition_tag: str) -> PurePosixPath:
    """Path below QUARANTINEDIR by the template, e.g. `spam/k/kg2P0rP9Lpu3.gz`. Raises QuarantineError."""
    values: dict[str, Callable[[], str]] = {
        "P": lambda: partition_tag,
        "b": lambda: hashlib.sha256(mail.content.view()[mail.header.body_start :]).hexdigest(),
        "m": lambda: mail.mail_id,
        "n": lambda: mail.log_id,
        "i": lambda: f"{mail.received_at:%Y%m%dT%H%M%S}",
        "%": lambda: "%",
    }
    name = _PLACEHOLDER.sub(lambda match: values.get(match.group(1), match.group)(), template)
    path = PurePosixPath(name)
    if not path.name or path.is_absolute() or ".." in path.parts or "\x00" in name:
        raise QuarantineError(f"quarantine file name template {template!r} must give a path below QUARANTINEDIR")
    return path.parent / mail.mail_id[0] / path.name if subdir_levels else path


def batch(chunks: Iterable[bytes], *, sender: str, recipients: Iterable[str], host: str) -> Iterator[bytes]:
    """A message as a batch of SMTP commands (B10.01)."""
    head = [f"EHLO {host}", f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{recipient}>" for recipient in recipients), "DATA"]
    for line in head:
        yield command_line(line)
    yield from stuffed(chunks)
    yield command_line("QUIT")


def store(directory: Path, relative: PurePosixPath, chunks: Iterable[bytes]) -> None:
    """Write the file and make it durable; a name ending in `.gz` means gzip. Blocks. Raises QuarantineError.

    Nobody ever sees an incomplete file under its name, and no existing one is overwritten.
    """
    final = directory / relative
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(6)}.tmp")
    try:
        make_directories(directory, final.parent)
        try:
            _write(temporary, chunks, compress=final.suffix == ".gz")
            # Unlike a rename, a link fails when the name is taken.
            os.link(temporary, final)
        finally:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                temporary.unlink()
        sync_directory(final.parent)
    except OSError as error:
        raise QuarantineError(f"cannot write quarantine file {final}: {error.strerror or error}") from error


def remove_leftovers(directory: Path, *, older_than: float) -> int:
    """Remove what processes that were killed left behind of their copies; gives back how many.

    Only files named as `store` names them, with more than `older_than` seconds since their last change. The messages
    are still with the client. Blocks.
    """
    removed = 0
    latest = time.time() - older_than
    for parent, _, names in os.walk(directory):
        for name in filter(_TEMPORARY.fullmatch, names):
            path = Path(parent, name)
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < latest:
                    path.unlink()
                    removed += 1
    return removed


def make_directories(top: Path, wanted: Path) -> None:
    """Make the directories down to `wanted` that are missing. Raises OSError.

    QUARANTINEDIR itself must be there: made by us it would hide that a file system is not mounted.
    """
    missing = []
    while wanted != top and not wanted.is_dir():
        missing.append(wanted)
        wanted = wanted.parent
    for directory in reversed(missing):
        with contextlib.suppress(FileExistsError):
            directory.mkdir(DIRECTORY_MODE)
            directory.chmod(DIRECTORY_MODE)
        sync_directory(directory.parent)


def _write(path: Path, chunks: Iterable[bytes], *, compress: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, FILE_MODE)
        if compress:
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6) as packed:
                _copy(chunks, packed)
        else:
            _copy(chunks, file)
        file.flush()
        os.fsync(descriptor)


def _copy(chunks: Iterable[bytes], file: BinaryIO | gzip.GzipFile) -> None:
    for chunk in chunks:
        file.write(chunk)
