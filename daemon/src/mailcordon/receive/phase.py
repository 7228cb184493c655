"""What a connection of the mail server is doing."""

from enum import Enum, auto


class Phase(Enum):
    """What the connection is doing."""

    PROXY_HEADER = auto()
    """What comes first is a load balancer's word about its client."""
    COMMANDS = auto()
    WAITING = auto()
    """For a place; the client waits for our 354."""
    DATA = auto()
    BUSY = auto()
    """A task of ours works on the message; input waits."""
    HANDSHAKE = auto()
    """All input belongs to TLS."""
    CLOSED = auto()

    # Enum's own hashes the name, in Python; phases are looked up several times for every reply.
    __hash__ = object.__hash__


AWAITS_CLIENT = frozenset({Phase.PROXY_HEADER, Phase.COMMANDS, Phase.DATA})
"""It is the client's turn."""
