"""Names of files, which strangers choose."""

MAX_NAME_LENGTH = 1024
"""Characters of a file name that are looked at; no file system takes more than 255 octets."""


def shortened(name: str, longest: int = MAX_NAME_LENGTH) -> str:
    """Beginning and end of a name that is too long: what kind of file it is stands at the end."""
    if len(name) <= longest:
        return name
    return name[: longest // 2] + name[-(longest - longest // 2) :]
