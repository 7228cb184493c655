"""Lists of networks (contract B3.14)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

from mailcordon.config.table_file import read_patterns
from mailcordon.config.watched_file import WatchedFile

_UNKNOWN = "0.0.0.0"
_IPV4_IN_IPV6 = 0xFFFF << 32
_ALL_BITS = (1 << 128) - 1
_Entry = tuple[bool, int, int]
"""Whether it says yes; the network's number and mask. IPv4 stands in its place within IPv6, `::ffff:0:0/96`."""


@dataclass(frozen=True, slots=True)
class NetworkList:
    """Ordered networks, `!` in front means no; the first one that holds the address decides."""

    entries: tuple[_Entry, ...] = ()

    @classmethod
    def parse(cls, patterns: Iterable[str]) -> "NetworkList":
        """Read patterns such as `10.0.0.0/8`, `10/8`, `[::1]`, `!192.0.2.1`; ValueError names a bad one."""
        return cls(tuple(_parse(pattern) for pattern in patterns))

    def find(self, address: str | None) -> bool | None:
        """What the first network that holds `address` says; None when there is none.

        An unknown address is looked up as 0.0.0.0; one that is none at all is in `::/0` only.
        """
        number = _number(address)
        for positive, network, mask in self.entries:
            if number & mask == network if number is not None else mask == 0:
                return positive
        return None


@dataclass(frozen=True, slots=True)
class NetworkHash:
    """Whole addresses, or the leading octets of IPv4 addresses such as `10.1`, as keys."""

    entries: Mapping[str, bool]

    def find(self, address: str | None) -> bool | None:
        """The value of the most specific key."""
        parsed = host_address(address)
        name = str(parsed) if parsed is not None else ""
        while name:
            if name in self.entries:
                return self.entries[name]
            name = name.rpartition(".")[0]
        return None


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A list of networks in a file of its own."""

    file: WatchedFile[NetworkList]

    def find(self, address: str | None) -> bool | None:
        """What the list that is in force says."""
        return self.file.content.find(address)


@dataclass(frozen=True, slots=True)
class Networks:
    """Tables of networks in their order; the first one that knows the address decides."""

    tables: tuple[NetworkList | NetworkHash | NetworkFile, ...] = ()

    @classmethod
    def parse(cls, raw: object) -> "Networks":
        """Make it of what stands in a fragment: a list of networks, a table `{hash = ...}` or `{file = ...}`, or a list
        of all of these. Raises ValueError with one line."""
        if not isinstance(raw, list):
            return cls((_table(raw),))
        if all(isinstance(item, str) for item in raw):
            return cls((NetworkList.parse(raw),))
        return cls(tuple(NetworkList.parse([item]) if isinstance(item, str) else _table(item) for item in raw))

    def contains(self, address: str | None) -> bool:
        """Whether `address` belongs to them; one that no table knows does not."""
        return bool(next((found for table in self.tables if (found := table.find(address)) is not None), False))


def _table(raw: object) -> NetworkHash | NetworkFile:
    match raw:
        case {"hash": dict(entries), **rest} if not rest:
            bad = [key for key, value in entries.items() if not isinstance(value, bool)]
            if bad:
                raise ValueError(f"{bad[0]!r}: {entries[bad[0]]!r} is not true or false")
            return NetworkHash({_hash_key(key): value for key, value in entries.items()})
        case {"file": str(path), **rest} if not rest:
            return NetworkFile(WatchedFile(path, lambda text: NetworkList.parse(read_patterns(text))))
    raise ValueError("expected a list of networks, { hash = ... } or { file = ... }")


def _hash_key(key: str) -> str:
    octets = key.rstrip(".").split(".")
    if len(octets) < 4 and all(octet.isdecimal() and int(octet) < 256 for octet in octets):
        return ".".join(octets)
    parsed = host_address(key)
    if parsed is None:
        raise ValueError(f"{key!r} is neither an address nor the leading octets of one")
    return str(parsed)


def host_address(address: str | None) -> IPv4Address | IPv6Address | None:
    """The address as a number, as IPv4 where it is IPv4 in IPv6; 0.0.0.0 for one that is not known, None for none."""
    try:
        parsed = ip_address(address.strip("[]") if address else _UNKNOWN)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed


def _number(address: str | None) -> int | None:
    parsed = host_address(address)
    if parsed is None:
        return None
    return int(parsed) | (_IPV4_IN_IPV6 if parsed.version == 4 else 0)


def _parse(pattern: str) -> _Entry:
    positive = not pattern.startswith("!")
    text = pattern.removeprefix("!").strip()
    host, slash, length = text.partition("/")
    host = host.strip("[]")
    if ":" not in host and host.count(".") < 3:
        # A truncated IPv4 prefix (`10/8`, `192.168`) stands for the network of its octets.
        octets = [octet for octet in host.split(".") if octet]
        if not slash:
            slash, length = "/", str(8 * len(octets))
        host = ".".join([*octets, *["0"] * (4 - len(octets))])
    try:
        network = ip_network(f"{host}{slash}{length}", strict=False)
    except ValueError:
        raise ValueError(f"{pattern!r} is not a network") from None
    number, mask = int(network.network_address), int(network.netmask)
    if isinstance(network, IPv4Network):
        number, mask = number | _IPV4_IN_IPV6, mask | (_ALL_BITS ^ 0xFFFFFFFF)
    return positive, number, mask
