"""Finds the files beside the fragments that settings depend on, and keeps an eye on them."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from mailcordon.config.bank import PolicyBank
from mailcordon.config.lookup import HashTable, Lookup, RegexpTable
from mailcordon.config.networks import NetworkFile, Networks
from mailcordon.config.settings import Settings
from mailcordon.config.table_file import FileTable
from mailcordon.config.types import ClientBank
from mailcordon.config.watched_file import WatchedFile

PERIOD = 2.0
"""Seconds after which a change of a file takes effect at the latest."""


def watched_files(value: object) -> list[WatchedFile[Any]]:
    """All files that settings and their policy banks, or the value of one setting, read beside the fragments."""
    return list(_files_in(value))


async def watch(files: Sequence[WatchedFile[Any]], period: float = PERIOD) -> None:
    """Take over changes of the files, until cancelled."""
    while files:
        await asyncio.sleep(period)
        await asyncio.to_thread(lambda: [file.refresh() for file in files])


def _files_in(value: object) -> Iterator[WatchedFile[Any]]:
    match value:
        case FileTable(file=file) | NetworkFile(file=file):
            yield file
        case Lookup(tables=tables) | Networks(tables=tables):
            yield from _files_in(list(tables))
        case HashTable():
            yield from _files_in(list(value.values()))
        case RegexpTable(entries=entries):
            yield from _files_in([item for _, item in entries])
        case ClientBank(networks=networks):
            yield from _files_in(networks)
        case PolicyBank():
            yield from _files_in(value.members())
        case dict():
            yield from _files_in(list(value.values()))
        case Settings():
            yield from _files_in([getattr(value, name) for name in type(value).model_fields])
        case list():
            for item in value:
                yield from _files_in(item)
