"""Lookups against a plain implementation of the contract's own words (contract B3.05, B3.12, B3.14)."""

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.config.lookup import AccessList, HashTable
from mailcordon.config.lookup_key import LookupKey
from mailcordon.config.lookup_parse import parse_lookup
from mailcordon.config.networks import Networks
from mailcordon.config.types import BOOLEANS, NUMBERS, TEXTS

LABELS = st.sampled_from(["a", "b", "A", "com", "x"])
DOMAINS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
LOCALS = st.sampled_from(["u", "U", "u+f", "u+f+g", "+f", "v", "postmaster+x"])
ADDRESSES = st.one_of(st.tuples(LOCALS, DOMAINS).map("@".join), LOCALS, st.just(""))
KEYS = st.one_of(
    ADDRESSES,
    DOMAINS,
    DOMAINS.map(lambda domain: f".{domain}"),
    LOCALS.map(lambda local: f"{local}@"),
    st.sampled_from([".", "@", ""]),
)


def plain_hash_keys(address: str, delimiter: str = "+") -> list[str]:
    """The sequence of B3.05 and B3.07 for a delimiter, step by step."""
    if address == "":
        return ["", "@", "."]
    local, domain = address.lower().split("@") if "@" in address else (address.lower(), "")
    has_extension = bool(delimiter) and delimiter in local[1:] and not local.startswith("postmaster")
    user = local[: local.index(delimiter, 1)] if has_extension else local
    keys = [address, f"{local}@{domain}", f"{user}@{domain}", f"{local}@", f"{user}@"]
    if domain:
        keys.append(domain)
        labels = domain.split(".")
        while len(labels) > 20:
            labels.pop(0)
        while labels:
            keys.append("." + ".".join(labels))
            labels.pop(0)
    return [*keys, "."]


@given(ADDRESSES, st.sampled_from(["+", "", "-"]), st.dictionaries(KEYS, st.integers(), max_size=8))
def test_hash_as_the_contract_says(address: str, delimiter: str, entries: dict[str, int]) -> None:
    """Contract B3.05: the first key that is there decides; without a delimiter there is no extension."""
    lower = {key.lower(): value for key, value in entries.items()}
    expected = next((lower[key] for key in plain_hash_keys(address, delimiter) if key in lower), None)
    assert HashTable(entries).find(LookupKey(address, delimiter)) == expected


@given(st.integers(1, 40), st.integers(1, 40))
def test_long_domains_as_the_contract_says(labels: int, kept: int) -> None:
    """Contract B3.05: of a domain's labels the last 20 are tried at most, the whole domain always."""
    domain = ".".join(f"l{number}" for number in range(labels))
    entry = "." + ".".join(domain.split(".")[-kept:])
    expected = 1 if entry in plain_hash_keys(f"u@{domain}") else None
    assert HashTable({entry: 1}).find(LookupKey(f"u@{domain}")) == expected
    assert HashTable({domain: 1}).find(LookupKey(f"u@{domain}")) == 1


@given(
    ADDRESSES, st.sampled_from(["s.test", "a"]), st.dictionaries(KEYS, st.sampled_from(["", "/@s.test"]), max_size=8)
)
def test_suffixed_keys_as_the_contract_says(address: str, signer: str, entries: dict[str, str]) -> None:
    """Contract B3.09: the same sequence, with the signing domain behind every key."""
    table = {f"{key}{suffix}": number for number, (key, suffix) in enumerate(entries.items())}
    lower = {key.lower(): value for key, value in table.items()}
    keys = [f"{key}/@{signer}" for key in plain_hash_keys(address)]
    expected = next((lower[key] for key in keys if key in lower), None)
    assert HashTable(table).find(LookupKey(address, "+", suffix=f"/@{signer}")) == expected


def plain_access_list(address: str, patterns: list[str]) -> bool | None:
    """The words of B3.12."""
    address = address.lower()
    domain = address.rpartition("@")[2] if "@" in address else ""
    for pattern in patterns:
        bare = pattern.lstrip("!").lower()
        if bare == ".":
            matches = True
        elif "@" in bare:
            matches = bare == address
        elif bare.startswith("."):
            matches = f".{domain}".endswith(bare)
        else:
            matches = bare == domain
        if matches:
            return not pattern.startswith("!")
    return None


@given(ADDRESSES, st.lists(st.tuples(st.sampled_from(["", "!"]), KEYS.filter(bool)).map("".join), max_size=6))
def test_access_list_as_the_contract_says(address: str, patterns: list[str]) -> None:
    """Contract B3.12: the first match wins, falling through is undefined."""
    assert AccessList(patterns).find(LookupKey(address)) is plain_access_list(address, patterns)


ADDRESSES_4 = st.integers(0, 2**32 - 1).map(lambda number: str(ipaddress.IPv4Address(number)))
ADDRESSES_6 = st.integers(0, 2**128 - 1).map(lambda number: str(ipaddress.IPv6Address(number)))


def _masked(pair: tuple[str, int]) -> str:
    return f"{pair[0]}/{ipaddress.IPv4Address((2**32 - 1) ^ (2 ** (32 - pair[1]) - 1))}"


NETWORKS = st.one_of(
    ADDRESSES_4,
    ADDRESSES_6,
    ADDRESSES_6.map(lambda address: f"[{address}]"),
    st.tuples(ADDRESSES_4, st.integers(0, 32)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    st.tuples(ADDRESSES_4, st.integers(1, 31)).map(_masked),
    st.tuples(ADDRESSES_6, st.integers(0, 128)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    st.tuples(ADDRESSES_6, st.integers(0, 128)).map(lambda pair: f"[{pair[0]}]/{pair[1]}"),
    st.tuples(st.integers(0, 255), st.integers(0, 8)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    st.lists(st.integers(0, 255), min_size=1, max_size=3).map(lambda octets: ".".join(map(str, octets))),
    st.sampled_from(["0/0", "::/0", "10/8", "10.1", "0.0.0.0"]),
)
CLIENTS = st.one_of(
    ADDRESSES_4, ADDRESSES_6, st.sampled_from(["10.1.2.3", "::ffff:10.1.2.3", "[::1]", "nonsense", "300.1.1.1", None])
)


def _plain_bits(address: str) -> str | None:
    """128 binary digits, those of IPv4 within `::ffff:0:0/96`; None for what is no address."""
    try:
        parsed = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return None
    number = int(parsed)
    return format(number + (0xFFFF << 32 if parsed.version == 4 else 0), "0128b")


def _plain_prefix(entry: str) -> str:
    """The binary digits that all addresses of the network begin with."""
    host, slash, length = entry.partition("/")
    if ":" not in host and host.count(".") < 3:
        octets = host.split(".")
        host = ".".join([*octets, "0", "0", "0"][:4])
        length = length if slash else str(8 * len(octets))
        slash = "/"
    bits = _plain_bits(host)
    assert bits is not None
    if not slash:
        return bits
    if "." in length:
        length = str(format(int(ipaddress.IPv4Address(length)), "032b").count("1"))
    return bits[: int(length) + (0 if ":" in host else 96)]


def plain_network(address: str | None, entries: list[str]) -> bool:
    """The words of B3.14, with numbers as text of binary digits."""
    bits = _plain_bits("0.0.0.0" if address is None else address)
    for entry in entries:
        prefix = _plain_prefix(entry.lstrip("!"))
        if prefix == "" or (bits is not None and bits.startswith(prefix)):
            return not entry.startswith("!")
    return False


@given(CLIENTS, st.lists(st.tuples(st.sampled_from(["", "!"]), NETWORKS).map("".join), max_size=6))
def test_networks_as_the_contract_says(address: str | None, entries: list[str]) -> None:
    """Contract B3.14: the first network that holds the address decides, in each way that one may be written."""
    assert Networks.parse(entries).contains(address) is plain_network(address, entries)


@given(ADDRESSES_4, st.integers(0, 128), st.booleans())
def test_networks_around_an_address(address: str, length: int, positive: bool) -> None:
    """Contract B3.14: any network that an address is in by its own digits holds it."""
    wide = ipaddress.IPv6Address(f"::ffff:{address}")
    entries = [("" if positive else "!") + f"{wide}/{length}", "::/0"]
    assert Networks.parse(entries).contains(address) is positive


def test_undefined_value_ends_the_search_in_its_table_only() -> None:
    """Contract B3.08, B3.01: the next key of the same table is not asked, the next table is."""
    raw: Any = [{"hash": {"bob@example.test": "undef", ".example.test": 5}}, {"hash": {".": 9}}]
    lookup = parse_lookup(raw, NUMBERS)
    assert lookup.find("bob@example.test") == 9
    assert lookup.find("alice@example.test") == 5
    assert parse_lookup(raw[:1], NUMBERS).find("bob@example.test") is None


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("$1", "User+Foo@Sub.Example"),
        ("$2", "User+Foo"),
        ("$3", "User"),
        ("$4", "+Foo"),
        ("$5", "sub.example"),
        ("x-${3}-$(5)", "x-User-sub.example"),
        ("$6 and $", "$6 and $"),
    ],
)
def test_parts_of_the_address_in_a_value(template: str, expected: str) -> None:
    """Contract B3.10."""
    lookup = parse_lookup({"hash": {".sub.example": template}}, TEXTS)
    assert lookup.find("User+Foo@Sub.Example", "+") == expected


@pytest.mark.parametrize(
    ("address", "delimiter", "bare", "extension"),
    [
        ("user+foo@a.test", "+", "user", "+foo"),
        ("user+foo@a.test", "", "user+foo", ""),
        ("user-foo+bar@a.test", "+-", "user", "-foo+bar"),
        ("+foo@a.test", "+", "+foo", ""),
        ("owner-list@a.test", "-", "owner-list", ""),
        ("list-request@a.test", "-", "list-request", ""),
        ("MAILER-DAEMON@a.test", "-", "MAILER-DAEMON", ""),
        ("owner-list+x@a.test", "+", "owner-list", "+x"),
    ],
)
def test_address_extensions(address: str, delimiter: str, bare: str, extension: str) -> None:
    """Contract B3.04, B3.05: any of several delimiters; addresses of mailing lists are not taken apart at a hyphen."""
    key = LookupKey(address, delimiter)
    assert (key.bare, key.extension) == (bare, extension)


def test_case_of_local_parts() -> None:
    """Contract B3.04: the domain in lower case always, the local part unless it is case sensitive."""
    table = HashTable({"Bob@Example.Test": 1, "eve@example.test": 2})
    assert [table.find(LookupKey(address)) for address in ("bob@example.TEST", "EVE@example.test")] == [1, 2]
    sensitive = [
        table.find(LookupKey(address, case_sensitive=True))
        for address in ("Bob@EXAMPLE.test", "bob@example.test", "EVE@example.test", "eve@EXAMPLE.test")
    ]
    assert sensitive == [1, None, None, 2]


def test_all_matches() -> None:
    """Contract B3.01: in "all" mode every match counts, of one table and of all."""
    raw: Any = [{"hash": {"bob@a.test": 1, "a.test": 2, ".": "undef"}}, 4, {"hash": {".": 8}}]
    assert parse_lookup(raw, NUMBERS).all_at(LookupKey("bob@a.test")) == [1, 2, 4, 8]
    assert parse_lookup(raw, NUMBERS).all_at(LookupKey("eve@b.test")) == [4, 8]


@pytest.mark.parametrize(
    ("raw", "constant"),
    [(True, True), ([], True), ([True, {"hash": {"a.test": False}}], True), ([{"hash": {}}], False), (["."], False)],
)
def test_constants_are_known(raw: Any, constant: bool) -> None:
    """Contract B3.03: what is the same for all is looked up once."""
    assert parse_lookup(raw, BOOLEANS).is_constant is constant


@pytest.mark.parametrize(
    ("raw", "address", "expected"),
    [
        ({"hash": {"10.1.2.3": True, "10.1": False, "10": True}}, "10.1.2.3", True),
        ({"hash": {"10.1.2.3": True, "10.1": False, "10": True}}, "10.1.9.9", False),
        ({"hash": {"10.1.2.3": True, "10.1": False, "10": True}}, "10.9.9.9", True),
        ({"hash": {"2001:DB8:0::1": True}}, "2001:db8::1", True),
        ({"hash": {"2001:db8::1": True}}, "2001:db8::2", False),
        ([{"hash": {"10.1": False}}, "10/8"], "10.1.2.3", False),
        ([{"hash": {"10.1": False}}, "10/8"], "10.2.2.3", True),
    ],
)
def test_network_hash(raw: Any, address: str, expected: bool) -> None:
    """Contract B3.14: whole addresses in their canonical form, or the leading octets of IPv4 addresses."""
    assert Networks.parse(raw).contains(address) is expected


@pytest.mark.parametrize("raw", [{"hash": {"10.300": True}}, {"hash": {"10.1": 1}}, {"hsah": {}}, "10/8", 5])
def test_bad_networks(raw: Any) -> None:
    """Bad input is refused."""
    with pytest.raises(ValueError):
        Networks.parse(raw)
