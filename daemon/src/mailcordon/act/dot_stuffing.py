"""The text of a message as it travels after DATA (RFC 5321 4.5.2).

A dot is doubled after every LF, the bare ones included, although only CR LF ends a line. Next hops differ in what they
take for a line end: Postfix reads lines up to LF and removes a leading dot from each. Were a dot after a bare LF left
alone, such a hop would lose it, or take `LF . CR LF` for the end of the message and the rest for commands (SMTP
smuggling, features 18.19). Nothing else is altered; bare LF and bare CR travel as they are (B6.12).
"""

from collections.abc import Iterable, Iterator


def stuffed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """`chunks` with dots doubled, followed by the end of data."""
    tail = b"\r\n"
    for chunk in chunks:
        if not chunk:
            continue
        if tail.endswith(b"\n") and chunk.startswith(b"."):
            yield b"."
        yield chunk.replace(b"\n.", b"\n..")
        tail = (tail + chunk[-2:])[-2:]
    yield b".\r\n" if tail == b"\r\n" else b"\r\n.\r\n"


def in_blocks(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same octets in blocks of at least `size`, the last one excepted: one write for many small pieces."""
    collected: list[bytes] = []
    length = 0
    for piece in pieces:
        collected.append(piece)
        length += len(piece)
        if length >= size:
            yield b"".join(collected)
            collected, length = [], 0
    if collected:
        yield b"".join(collected)
