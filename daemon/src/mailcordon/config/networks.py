"""Lists of networks (contract B3.14)."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_UNKNOWN = ip_address("0.0.0.0")


@dataclass(frozen=True, slots=True)
class NetworkList:
    """Ordered networks, `!` in front means no; the first one that holds the address decides."""

    entries: tuple[tuple[bool, IPv4Network | IPv6Network], ...] = ()

    @classmethod
    def parse(cls, patterns: Iterable[str]) -> "NetworkList":
        """Read patterns such as `10.0.0.0/8`, `10/8`, `[::1]`, `!192.0.2.1`; ValueError names a bad one."""
        return cls(tuple(_parse(pattern) for pattern in patterns))

    def contains(self, address: str | None) -> bool:
        """Whether `address` is in the list. An unknown one is looked up as 0.0.0.0."""
        parsed = _address(address)
        for positive, network in self.entries:
            if parsed.version == network.version and parsed in network:
                return positive
        return False


def _address(address: str | None) -> IPv4Address | IPv6Address:
    try:
        parsed = ip_address(address.strip("[]")) if address else _UNKNOWN
    except ValueError:
        return _UNKNOWN
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed


def _parse(pattern: str) -> tuple[bool, IPv4Network | IPv6Network]:
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
        return positive, ip_network(f"{host}{slash}{length}", strict=False)
    except ValueError:
        raise ValueError(f"{pattern!r} is not a network") from None
