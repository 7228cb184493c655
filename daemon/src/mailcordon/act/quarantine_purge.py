"""Removes old files from quarantine (features 18.20, checklist 25)."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from mailcordon.act.quarantine_list import kept_alone_below
from mailcordon.config.retention import FOR_EVER, days_by_content, longest
from mailcordon.config.settings import Settings
from mailcordon.confined_file import open_directory_below

_CLEAN, _UNCHECKED = "C", "U"


@dataclass(slots=True)
class PurgedFiles:
    """How much was removed, or would be."""

    files: int = 0
    octets: int = 0
    """That they took on the disk, about."""


def purge_files(
    settings: Settings, now: datetime, *, problem: Callable[[str], None], dry_run: bool = False
) -> PurgedFiles:
    """Remove the files below QUARANTINEDIR that hold one mail which is older than its contents may be.

    Only files that name a mail_id in `X-Quarantine-ID`, as the filter does (B10.06); age is that of the last change.
    `problem` is told of what cannot be read or removed, one line each. Blocks. Raises OSError when the directory itself
    cannot be read.
    """
    days = dict(days_by_content(settings))
    # That nothing was found does not tell what could not be looked into.
    days[_CLEAN] = longest((days[_CLEAN], days[_UNCHECKED]))
    purged = PurgedFiles()
    wanted = [number for number in days.values() if number != FOR_EVER]
    if not wanted:
        return purged
    for mail in kept_alone_below(settings.QUARANTINEDIR, now - timedelta(days=min(wanted)), problem):
        limit = days[mail.content]
        if limit == FOR_EVER or mail.received_at >= now - timedelta(days=limit):
            continue
        try:
            octets = _remove(settings, PurePosixPath(mail.location), dry_run=dry_run)
        except FileNotFoundError:
            continue
        except OSError as error:
            problem(f"{settings.QUARANTINEDIR / mail.location}: {error.strerror}")
            continue
        purged.files += 1
        purged.octets += octets
    return purged


def _remove(settings: Settings, relative: PurePosixPath, *, dry_run: bool) -> int:
    """Remove it, over no link; gives its size."""
    parent = open_directory_below(settings.QUARANTINEDIR, relative.parent)
    try:
        size = os.stat(relative.name, dir_fd=parent, follow_symlinks=False).st_size
        if not dry_run:
            os.unlink(relative.name, dir_fd=parent)
        return size
    finally:
        os.close(parent)
