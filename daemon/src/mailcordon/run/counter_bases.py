"""Of what a counter is a part: the base of its percentages (features 15.01)."""

INTERNAL, OUTBOUND, INBOUND, OPEN_RELAY = "Internal", "Outbound", "Inbound", "OpenRelay"
ORIGINATING = "Originating"
DIRECTIONS = (INBOUND, OUTBOUND, INTERNAL, ORIGINATING, OPEN_RELAY)

_OF_BOUNCES = ("InMsgsBounceKilled", "InMsgsBounceRescued", "InMsgsBounceUnverifiable")
_PREFIXES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("InMsgsSize", ("InMsgsSize",)),
    ("InMsgsRecipsLocal", ("InMsgsRecips",)),
    ("InMsgsRecips", ("InMsgsRecips",)),
    ("InMsgs", ("InMsgs",)),
    ("Content", ("InMsgs",)),
    ("OutMsgsSize", ("OutMsgsSize",)),
    ("OutMsgs", ("OutMsgs",)),
    ("OutConn", ("OutConnTransact",)),
    ("QuarMsgsSize", ("QuarMsgsSize",)),
    ("QuarMsgs", ("InMsgs",)),
    ("Quar", ("QuarMsgs",)),
    ("OpsDecBy", ("OpsDec",)),
    ("OpsDecType-", ("OpsDec",)),
    ("Ops", ("InMsgs",)),
    ("PenPalsSavedFrom", ("PenPalsHits",)),
    ("PenPals", ("PenPalsAttempts",)),
    ("GenMailIdRetries", ("InMsgs",)),
    ("CacheAttempts", ("InMsgs",)),
    ("CacheHitsVirus", ("CacheHits",)),
    ("Cache", ("CacheAttempts",)),
    ("LogEntries", ("LogEntries",)),
    ("TimeElapsed", ("TimeElapsedTotal",)),
    ("virus.byname.", ("ContentVirusMsgs",)),
    ("virus.byOS.", ("ContentVirusMsgs",)),
    ("spam.byOS.", ("ContentSpamMsgs",)),
    ("ham.byOS.", ("ContentCleanMsgs",)),
)


def is_size(name: str) -> bool:
    """Whether it counts octets."""
    return name.startswith(("InMsgsSize", "OutMsgsSize", "QuarMsgsSize")) or (
        name.startswith("Quar") and name.endswith("Size")
    )


def is_time(name: str) -> bool:
    """Whether it counts milliseconds."""
    return name.startswith("TimeElapsed")


def bases_of(name: str) -> tuple[str, ...]:
    """The counters that `name` is a part of, the nearest first; itself for one that stands at the top.

    That of one direction is a part of the same counter for all, and of all mail in that direction.
    """
    if name.startswith("Quar") and name.endswith("Size"):
        return ("QuarMsgsSize",)
    if name.startswith(_OF_BOUNCES):
        # One of them ends like a direction.
        return ("InMsgsBounce",)
    bases = next((found for prefix, found in _PREFIXES if name.startswith(prefix)), (name,))
    direction = next((word for word in DIRECTIONS if name.endswith(word)), "")
    whole = name.removesuffix(direction)
    if not direction or whole in bases:
        return bases
    return (whole, *(base + direction for base in bases))
