"""Addresses and their ids in `maddr` (contracts B2.18, B2.27): found, or made, for many messages at a time."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from mailcordon.errors import StoreError
from mailcordon.store.driver import execute, execute_many
from mailcordon.store.records import address_octets, reversed_domain
from mailcordon.store.shape import Shape, printable
from mailcordon.store.statements import Statements

Key = tuple[str, str]
"""Tag and address."""

_AT_A_TIME = 500
_TAKEN_ALREADY = {"mysql": " ON DUPLICATE KEY UPDATE id = id"}
_LOCK = {"mysql": " LOCK IN SHARE MODE"}
"""A purge must not remove what is about to be referred to; the others have other means (`lock_for_writing`)."""
_TAKEN_ALREADY_ELSEWHERE = " ON CONFLICT (partition_tag, email) DO NOTHING"


class Addresses:
    """Looks ids up within the transaction that needs them.

    They are not remembered beyond it: a purge may remove an address that no row refers to.
    """

    def __init__(self, statements: Statements, *, allow_8bit: bool) -> None:
        self._statements = statements
        self._allow_8bit = allow_8bit

    def ids(self, connection: Connection, shape: Shape, wanted: Iterable[Key]) -> dict[Key, int]:
        """The id of each, new ones included. Raises what SQLAlchemy raises, and StoreError."""
        # In one order everywhere: two writers that insert the same addresses must not wait for each other.
        wanted = set(wanted)
        keys = sorted({(tag, self._octets(address)) for tag, address in wanted})
        found: dict[tuple[str, bytes], int] = {}
        by_tag: dict[str, list[bytes]] = {}
        for tag, octets in keys:
            by_tag.setdefault(tag, []).append(octets)
        for tag, addresses in by_tag.items():
            if self._statements.is_ours("sel_adr", "ins_adr"):
                ids = self._many(connection, shape, tag, addresses)
            else:
                ids = {octets: self._one(connection, shape, tag, octets) for octets in addresses}
            found |= {(tag, octets): number for octets, number in ids.items()}
        return {(tag, address): found[tag, self._octets(address)] for tag, address in wanted}

    def key(self, shape: Shape, address: str) -> object:
        """The value of `email` for an address."""
        return shape.address(self._octets(address))

    def _octets(self, address: str) -> bytes:
        return address_octets(address, allow_8bit=self._allow_8bit)

    def _many(self, connection: Connection, shape: Shape, tag: str, addresses: Sequence[bytes]) -> dict[bytes, int]:
        ids = self._known(connection, shape, tag, addresses)
        new = [octets for octets in addresses if octets not in ids]
        if new:
            statement = self._statements.text("ins_adr", shape.mark)
            statement += _TAKEN_ALREADY.get(shape.dialect, _TAKEN_ALREADY_ELSEWHERE)
            execute_many(connection, statement, [self._row(shape, tag, octets) for octets in new])
            ids |= self._known(connection, shape, tag, new)
        missing = [octets for octets in addresses if octets not in ids]
        if missing:
            raise StoreError(f"an address is not in maddr though it was inserted: {missing[0]!r}")
        return ids

    def _known(self, connection: Connection, shape: Shape, tag: str, addresses: Sequence[bytes]) -> dict[bytes, int]:
        ids: dict[bytes, int] = {}
        for some in _pieces(addresses):
            marks = ", ".join([shape.mark] * len(some))
            rows = execute(
                connection,
                f"SELECT id, email FROM maddr WHERE partition_tag = {shape.mark} AND email IN ({marks})"  # noqa: S608
                + _LOCK.get(shape.dialect, ""),
                (shape.tag(tag), *(shape.address(octets) for octets in some)),
            )
            ids |= {as_octets(email): int(number) for number, email in rows}
        return ids

    def _one(self, connection: Connection, shape: Shape, tag: str, octets: bytes) -> int:
        statement, values = self._statements["sel_adr"].bound((shape.tag(tag), shape.address(octets)), {}, shape.mark)
        row = execute(connection, statement, values).fetchone()
        if row is None:
            try:
                with connection.begin_nested():
                    execute(connection, self._statements.text("ins_adr", shape.mark), self._row(shape, tag, octets))
            except IntegrityError:
                pass  # somebody else was faster
            row = execute(connection, statement, values).fetchone()
        if row is None:
            raise StoreError(f"sel_adr does not find what ins_adr has inserted: {octets!r}")
        return int(row[0])

    @staticmethod
    def _row(shape: Shape, tag: str, octets: bytes) -> tuple[object, ...]:
        domain = reversed_domain(octets.decode("utf-8", "replace"))
        return shape.tag(tag), shape.address(octets), printable(domain, 255)


def as_octets(email: str | bytes | memoryview) -> bytes:
    """A value of `email` in any kind of column."""
    return email.encode() if isinstance(email, str) else bytes(email)


def _pieces(addresses: Sequence[bytes]) -> Iterator[list[bytes]]:
    rest = iter(addresses)
    while some := list(islice(rest, _AT_A_TIME)):
        yield some
