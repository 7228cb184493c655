"""A recipient's own settings as a data base has them: rows of fields (contracts B3.16, B3.17).

Whatever keeps such rows - SQL, a directory - is a `FieldProvider`; `field_lookup` puts what it says in front of the
tables of the configuration.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

Row = Mapping[str, object]
"""Fields by name, as the data base gives them: text or octets, numbers, None for NULL. A field that the table lacks is
not there. `email` holds the key that matched."""

KEY_FIELD = "email"
LOCAL_FIELD = "local"
EVERYBODY = frozenset({"@.", "."})
"""Keys that stand for all addresses."""

_NO = frozenset({"", "N", "n", "F", "f", "0", "\0"})


class FieldKind(Enum):
    """What the values of a field are (B3.17)."""

    TEXT = auto()
    NUMBER = auto()
    BOOLEAN = auto()


@dataclass(frozen=True, slots=True)
class Asked:
    """An address that a data base is asked about."""

    keys: tuple[str, ...]
    """As `sql_keys` makes them."""
    address: str = ""
    local: str = ""
    """The local part as given."""
    bare: str = ""
    """The local part without its extension."""
    extension: str = ""
    """With its delimiter."""
    domain: str = ""


Ratings = Mapping[str, str]
"""What a recipient thinks of senders, by their address: `wb` of B2.03. Who is not there is in no list."""


class FieldProvider(Protocol):
    """Something that knows settings of recipients, asked once for a message (B3.18).

    Raises TemporaryError when the data base gives no answer: the mail waits, and is not judged by other rules.
    """

    async def rows(self, recipients: Sequence[Asked]) -> Sequence[Sequence[Row]]:
        """For each address the rows whose `email` is one of its keys.

        The row that counts most comes first: the statement orders them (B3.16), by default by `priority`.
        """

    async def ratings(self, found: Sequence[Sequence[Row]], senders: Sequence[Asked]) -> Sequence[Ratings]:
        """For each recipient, given by its rows, what it thinks of the senders (B2.17)."""


@dataclass(frozen=True, slots=True)
class RecipientFields:
    """The rows of one recipient."""

    rows: Sequence[Row] = ()
    trim: bool = False
    """Take blanks from the end of text: columns of a fixed width have them."""
    ratings: Ratings = field(default_factory=dict)
    """What the recipient's own lists in the data base say of the senders."""

    def value(self, name: str, kind: FieldKind) -> str | float | bool | None:
        """The first value that is not NULL; None when there is none, or it is no number where one is wanted."""
        if name == LOCAL_FIELD:
            return self.is_local
        found = next((row[name] for row in self.rows if row.get(name) is not None), None)
        return None if found is None else self._converted(found, kind)

    def values(self, name: str, kind: FieldKind) -> Iterator[str | float | bool]:
        """The values of all rows, the most specific row first; for settings of which all that is found counts."""
        for row in self.rows:
            value = None if row.get(name) is None else self._converted(row[name], kind)
            if value is not None:
                yield value

    @property
    def is_local(self) -> bool | None:
        """Whether the recipient is local. Who has a row is, unless it says something else or stands for everybody."""
        for row in self.rows:
            if LOCAL_FIELD not in row:
                if _text(row.get(KEY_FIELD, "")) not in EVERYBODY:
                    return True
            elif row[LOCAL_FIELD] is not None:
                return _is_yes(row[LOCAL_FIELD])
        return None

    def _converted(self, raw: object, kind: FieldKind) -> str | float | bool | None:
        match kind:
            case FieldKind.BOOLEAN:
                return _is_yes(raw)
            case FieldKind.NUMBER:
                try:
                    return float(_text(raw))
                except ValueError:
                    return None
            case FieldKind.TEXT:
                text = _text(raw)
                return text.rstrip(" ") if self.trim else text


def _text(raw: object) -> str:
    return raw.decode("utf-8", "surrogateescape") if isinstance(raw, bytes) else str(raw)


def _is_yes(raw: object) -> bool:
    if isinstance(raw, (bool, int, float)):
        return bool(raw)
    return _text(raw).rstrip(" ") not in _NO
