"""What lies behind the end of an archive: nobody opens it, but programs may take it for another archive."""

from pathlib import Path

_CHUNK = 64 * 1024
SLACK = 16
"""Octets of end marks that a reader may have left unread; no archive with something in it is smaller than that."""


def has_leftover(file: Path, end: int) -> bool:
    """Whether there is more behind `end`, an offset in `file`, than padding and an end mark. OSError."""
    with open(file, "rb") as stream:
        if stream.seek(0, 2) - end <= SLACK:
            return False
        stream.seek(end + SLACK)
        return any(chunk.strip(b"\0") for chunk in iter(lambda: stream.read(_CHUNK), b""))
