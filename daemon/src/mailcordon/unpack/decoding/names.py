"""Names of what is inside of archives and compressed files."""

from pathlib import PurePosixPath

_SUFFIXES = {
    ".tgz": ".tar",
    ".taz": ".tar",
    ".tbz": ".tar",
    ".tbz2": ".tar",
    ".txz": ".tar",
    ".tlz": ".tar",
    ".tzst": ".tar",
    **dict.fromkeys((".gz", ".bz2", ".xz", ".lzma", ".lz", ".lz4", ".lzo", ".lrz", ".zst", ".z", ".f"), ""),
}


def without_suffix(name: str) -> str:
    """The name of the file that was compressed as `name`; `name` itself where its suffix says nothing of that."""
    suffix = PurePosixPath(name).suffix
    replacement = _SUFFIXES.get(suffix.lower())
    return name if replacement is None else name[: -len(suffix)] + replacement


def decoded_name(raw: bytes) -> str:
    """A name as text, whatever character set it is in."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
