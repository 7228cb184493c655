"""Types of settings: how each is written in a fragment and checked."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    PlainSerializer,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import core_schema

from mailcordon.config.bank_names import BankName, BankNames, bank_names
from mailcordon.config.banned import SELECTIONS, BannedTable, Selection, banned_paths, banned_table
from mailcordon.config.fingerprint_method import FingerprintMethod, fingerprint_method
from mailcordon.config.lookup import Lookup, Verbatim
from mailcordon.config.lookup_parse import ValueType, parse_lookup
from mailcordon.config.networks import Networks
from mailcordon.config.next_hop import DeliveryMethod, delivery_method, optional_delivery_method
from mailcordon.config.quarantine_method import quarantine_method
from mailcordon.config.schema_types import (
    SCHEMA_OF_BANNED_LOOKUP,
    SCHEMA_OF_BANNED_TABLE,
    SCHEMA_OF_DELIVERY,
    SCHEMA_OF_DESTINY,
    SCHEMA_OF_NETWORKS,
    SCHEMA_OF_SOCKET,
    SCHEMA_OF_SOCKETS,
    schema_of_lookup,
)
from mailcordon.mail.addresses import addresses_in
from mailcordon.mail.category import Destiny

T = TypeVar("T")


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is not true or false")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{value!r} is not a number")  # noqa: TRY004 - pydantic collects ValueError
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")  # noqa: TRY004 - pydantic collects ValueError
    return value


_BOOLEAN_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _bool_of_text(text: str) -> bool:
    if text.lower() not in _BOOLEAN_WORDS:
        raise ValueError(f"{text!r} is not one of {', '.join(_BOOLEAN_WORDS)}")
    return _BOOLEAN_WORDS[text.lower()]


def _number_of_text(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


BOOLEANS = ValueType(_bool, _bool_of_text, boolean=True)
NUMBERS = ValueType(_number, _number_of_text)
TEXTS = ValueType(_text, str)
SECRETS = ValueType(lambda raw: Verbatim(_text(raw)), Verbatim)
"""Hashes of passwords are full of `$`."""
BANK_NAMES: ValueType[BankNames] = ValueType(bank_names, bank_names, boolean=True)


def _no_file(text: str) -> Any:
    raise ValueError("values that are lookups themselves do not fit into a file")


def _lookups_of(values: ValueType[T]) -> ValueType[Lookup[T]]:
    """For settings that depend on the recipient and the sender: the value found for one is a lookup for the other."""
    return ValueType(lambda raw: parse_lookup(raw, values), _no_file)


def _networks(raw: object) -> Networks:
    return raw if isinstance(raw, Networks) else Networks.parse(raw)


def _tls_level(raw: object) -> object:
    # amavisd's undef (features 13.14).
    return "none" if raw == "" else raw


def _destiny(raw: object) -> Destiny:
    if isinstance(raw, Destiny):
        return raw
    if isinstance(raw, str):
        word = raw.strip().upper().removeprefix("D_")
        if word in Destiny.__members__:
            return Destiny[word]
    raise ValueError(f"{raw!r} is not one of pass, discard, bounce, reject, tempfail")


def made_by(convert: Callable[[object], object]) -> GetPydanticSchema:
    """Pydantic must not look into these classes: `convert` alone makes and checks them."""
    return GetPydanticSchema(lambda _source, _handler: core_schema.no_info_plain_validator_function(convert))


def _made_as_lookup(values: ValueType[Any]) -> GetPydanticSchema:
    return made_by(lambda raw: parse_lookup(raw, values))


BoolLookup = Annotated[Lookup[bool], _made_as_lookup(BOOLEANS), schema_of_lookup("boolean")]
NumberLookup = Annotated[Lookup[float], _made_as_lookup(NUMBERS), schema_of_lookup("number")]
TextLookup = Annotated[Lookup[str], _made_as_lookup(TEXTS), schema_of_lookup("string")]
SecretLookup = Annotated[Lookup[str], _made_as_lookup(SECRETS), schema_of_lookup("string")]
BankLookup = Annotated[Lookup[BankNames], _made_as_lookup(BANK_NAMES), schema_of_lookup(None)]
BoolLookups = Annotated[Lookup[Lookup[bool]], _made_as_lookup(_lookups_of(BOOLEANS)), schema_of_lookup(None)]
NumberLookups = Annotated[Lookup[Lookup[float]], _made_as_lookup(_lookups_of(NUMBERS)), schema_of_lookup(None)]
BannedLookup = Annotated[Lookup[Selection], _made_as_lookup(SELECTIONS), SCHEMA_OF_BANNED_LOOKUP]
BannedNames = Annotated[BannedTable, made_by(banned_table), SCHEMA_OF_BANNED_TABLE]
BannedPaths = Annotated[BannedTable, made_by(banned_paths), SCHEMA_OF_BANNED_TABLE]
RuleName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]
NetworkTables = Annotated[Networks, made_by(_networks), SCHEMA_OF_NETWORKS]


class ClientBank(BaseModel):
    """One entry of `client_ipaddr_policy` (B4.03)."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    networks: NetworkTables
    bank: BankName


DestinyWord = Annotated[
    Destiny, BeforeValidator(_destiny), PlainSerializer(lambda d: d.name.lower()), SCHEMA_OF_DESTINY
]
TlsLevel = Annotated[Literal["none", "may", "encrypt"], BeforeValidator(_tls_level)]
"""Whether a connection is encrypted: never, if the other side likes, or always (features 13.10, 13.13)."""

Delivery = Annotated[DeliveryMethod, made_by(delivery_method), SCHEMA_OF_DELIVERY]
OptionalDelivery = Annotated[DeliveryMethod, made_by(optional_delivery_method), SCHEMA_OF_DELIVERY]
"""Without hops where another setting decides."""


_ADDRESS = re.compile(r"[^\s<>@\x00-\x20\x7f]+@[^\s<>@\x00-\x20\x7f]+")


def _optional_address(raw: object) -> str:
    address = _text(raw)
    if address and not _ADDRESS.fullmatch(address):
        raise ValueError(f"{address!r} is neither empty nor an address such as archive@example.com")
    return address


OptionalAddress = Annotated[str, BeforeValidator(_optional_address)]


def _author_text(raw: object) -> str:
    text = _text(raw).strip()
    if not text.isprintable() or len(addresses_in(text)) != 1:
        raise ValueError(f'{text!r} is not one author such as "Mail filter" <postmaster@example.com>')
    return text


AuthorText = Annotated[str, BeforeValidator(_author_text)]
"""Body of a From field."""

OptionalFingerprint = Annotated[
    FingerprintMethod,
    made_by(fingerprint_method),
    WithJsonSchema({"type": "string", "pattern": r"^(|[Pp]0[Ff]:(/\S+|[^/\s]+:[0-9]{1,5}))$"}),
]
"""Asks nobody where it is empty."""
QuarantineMethod = Annotated[str, BeforeValidator(quarantine_method)]


class SocketAddress(BaseModel):
    """Where a scanner listens: a unix socket's path, or host and port."""

    model_config = ConfigDict(frozen=True)

    path: str | None = None
    host: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


_HOST_PORT = re.compile(r"\[?([^\[\]]+)\]?:(\d{1,5})")


def _socket_address(raw: object) -> Any:
    if not isinstance(raw, str):
        return raw
    if raw.startswith("/"):
        return {"path": raw}
    match = _HOST_PORT.fullmatch(raw)
    if match is None or not 0 < int(match.group(2)) < 65536:
        raise ValueError(f"{raw!r} is neither an absolute path nor HOST:PORT")
    return {"host": match.group(1), "port": int(match.group(2))}


ScannerSocket = Annotated[SocketAddress, BeforeValidator(_socket_address), PlainSerializer(str), SCHEMA_OF_SOCKET]


def _metrics_address(raw: object) -> str:
    text = _text(raw)
    if text:
        _socket_address(text)
    return text


MetricsAddress = Annotated[
    str, BeforeValidator(_metrics_address), WithJsonSchema({"type": "string", "pattern": r"^(|/.*|.*:[0-9]{1,5})$"})
]


def _one_or_several(raw: object) -> object:
    return raw if isinstance(raw, list) else [raw]


ScannerSockets = Annotated[
    list[ScannerSocket], BeforeValidator(_one_or_several), Field(min_length=1), SCHEMA_OF_SOCKETS
]


class SpamScanner(BaseModel):
    """One entry of `spam_scanners` (B14.06)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """Name in the log."""
    protocol: Literal["spamd", "rspamd"]
    """What the scanner speaks: that of SpamAssassin's spamd, or rspamd's HTTP."""
    socket: ScannerSockets
    """Path of its unix socket, or HOST:PORT; of several in a list one is asked, and others when it fails."""
    mail_body_size_limit: Annotated[int, Field(ge=0)] | None = None
    """Octets; larger messages are not given to it. `sa_mail_body_size_limit` unless set; 0 means no limit."""
    score_factor: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Its points are multiplied by it before they are added to those of other scanners."""
    password: SecretStr | None = None
    """For rspamd's controller in place of a normal worker."""

    @model_validator(mode="after")
    def _password_is_for_rspamd(self) -> "SpamScanner":
        if self.password is not None and self.protocol != "rspamd":
            raise ValueError("password: only rspamd asks for one")
        return self
