"""Whole archives of every kind, made by the packers of the tests: what the fuzzer of programs damages."""

import os
from pathlib import Path

from packers import NAME, PACKERS, Packer, Workshop, packed

_SECOND, _LAST = "second.txt", "last.bin"
_FILES = (NAME, _SECOND, _LAST)

_MADE_AT = 1_700_000_000
_SEVERAL: dict[str, tuple[str, ...]] = {
    "several.zip": ("zip", "-q", "{}"),
    "several.7z": ("7zz", "a", "{}"),
    "separate.7z": ("7zz", "a", "-ms=off", "{}"),
    "several.wim": ("7zz", "a", "-twim", "{}"),
    "several.tar": ("tar", "-cf", "{}"),
    "several.tar.gz": ("tar", "-czf", "{}"),
    "several.cpio": ("bsdtar", "--format=newc", "-cf", "{}"),
    "several.xar": ("bsdtar", "--format=xar", "-cf", "{}"),
    "several.a": ("ar", "rc", "{}"),
    "several.iso": ("genisoimage", "-quiet", "-o", "{}"),
    "several.cab": ("gcab", "-c", "{}"),
    "several.arj": ("arj", "a", "-y", "{}"),
    "several.arc": ("arc", "a", "{}"),
    "several.lzh": ("jlha", "-aq", "{}"),
}
"""Packers, before the names of files."""


def whole_archives(directory: Path) -> dict[str, bytes]:
    """All of them by their names, those with one member and those with several; made in `directory`."""
    shop = Workshop(directory)
    shop.path(_SECOND).write_text("The second of them.\n" * 50)
    shop.path(_LAST).write_bytes(bytes(range(256)) * 4)
    for name in _FILES:  # most archives are the same each time then
        os.utime(shop.path(name), (_MADE_AT, _MADE_AT))
    packers = {**PACKERS, **{name: _packer(command) for name, command in _SEVERAL.items()}}
    return {name: path.read_bytes() for name, path in sorted(packed(shop, packers).items())}


def _packer(command: tuple[str, ...]) -> Packer:
    def run(shop: Workshop, archive: str) -> None:
        shop.run(*(word.format(archive) for word in command), *_FILES)

    return run
