"""How a mail worker and its decoder process talk over their socket: frames of a kind, a length and octets."""

import struct

HEAD = struct.Struct("!cI")
HELLO, JOB, RECORDS, END = b"H", b"J", b"R", b"E"
"""What the decoder process is able to do; a job for it; what came out so far; how the job ended."""
MAX_FRAME = 64 * 1024 * 1024

TIMED_OUT = "timed out"
"""How a job ended that was stopped; else empty for well, or a text that says why not."""


def frame(kind: bytes, octets: bytes) -> bytes:
    """One frame."""
    return HEAD.pack(kind, len(octets)) + octets
