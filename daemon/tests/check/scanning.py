"""What there is to scan of a message, made by hand."""

from pathlib import Path

from mailcordon.mail.part import Part


def attached(
    location: str, file: Path | None, start: int = 0, end: int = 0, content_type: str = "application/zip"
) -> Part:
    """A part whose decoded body lies in a file."""
    return Part(location, start, start, end, content_type=content_type, encoding="base64", file=file)


def member(location: str, file: Path | None) -> Part:
    """What came out of another part."""
    return Part(location, 0, 0, 0, content_type="", is_member=True, file=file)
