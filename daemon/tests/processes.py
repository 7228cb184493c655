"""Processes as the kernel lists them."""

from pathlib import Path


def children(process: int) -> list[int]:
    """Ids of the children of a process, those that have ended and wait for it included.

    proc(5) has a list of them for each process, which may lack some while others of them end.
    """
    return [int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if _parent(stat) == process]


def _parent(stat: Path) -> int | None:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
