"""Types of settings: how each is written in a fragment and checked."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetPydanticSchema, PlainSerializer
from pydantic_core import core_schema

from mailcordon.config.lookup import Lookup, parse_lookup
from mailcordon.config.networks import NetworkList
from mailcordon.mail.category import Destiny


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


def _bool_lookup(raw: object) -> Lookup[bool]:
    return parse_lookup(raw, _bool, boolean=True)


def _number_lookup(raw: object) -> Lookup[float]:
    return parse_lookup(raw, _number, boolean=False)


def _text_lookup(raw: object) -> Lookup[str]:
    return parse_lookup(raw, _text, boolean=False)


def _network_list(raw: object) -> NetworkList:
    if isinstance(raw, NetworkList):
        return raw
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise ValueError("expected a list of networks")
    return NetworkList.parse(raw)


def _destiny(raw: object) -> Destiny:
    if isinstance(raw, Destiny):
        return raw
    if isinstance(raw, str):
        word = raw.strip().upper().removeprefix("D_")
        if word in Destiny.__members__:
            return Destiny[word]
    raise ValueError(f"{raw!r} is not one of pass, discard, bounce, reject, tempfail")


def _made_by(convert: Callable[[object], object]) -> GetPydanticSchema:
    # Pydantic must not look into these classes: `convert` alone makes and checks them.
    return GetPydanticSchema(lambda _source, _handler: core_schema.no_info_plain_validator_function(convert))


BoolLookup = Annotated[Lookup[bool], _made_by(_bool_lookup)]
NumberLookup = Annotated[Lookup[float], _made_by(_number_lookup)]
TextLookup = Annotated[Lookup[str], _made_by(_text_lookup)]
Networks = Annotated[NetworkList, _made_by(_network_list)]
DestinyWord = Annotated[Destiny, BeforeValidator(_destiny), PlainSerializer(lambda d: d.name.lower())]

_METHOD = re.compile(r"(smtp|lmtp):(?:\[([^\]]+)\]:(\d+)|(/.+))")


class NextHop(BaseModel):
    """A delivery method such as `smtp:[127.0.0.1]:10025` or `lmtp:/run/mta.sock` (B7.01)."""

    model_config = ConfigDict(frozen=True)

    protocol: Literal["smtp", "lmtp"]
    host: str | None = None
    port: int | None = None
    path: str | None = None

    def __str__(self) -> str:
        return f"{self.protocol}:{self.path}" if self.path else f"{self.protocol}:[{self.host}]:{self.port}"


def _next_hop(raw: object) -> Any:
    if not isinstance(raw, str):
        return raw
    match = _METHOD.fullmatch(raw.strip())
    if match is None:
        raise ValueError(f"{raw!r} is not a delivery method such as smtp:[127.0.0.1]:10025 or lmtp:/run/mta.sock")
    protocol, host, port, path = match.groups()
    if port is not None and not 0 < int(port) < 65536:
        raise ValueError(f"{raw!r} has no valid port")
    return {"protocol": protocol, "host": host, "port": int(port) if port else None, "path": path}


DeliveryMethod = Annotated[NextHop, BeforeValidator(_next_hop), PlainSerializer(str)]


LOCAL_QUARANTINE = "local:"


def _quarantine_method(raw: object) -> str:
    method = _text(raw)
    template = method.removeprefix(LOCAL_QUARANTINE)
    if not method:
        return method
    if template == method or not template or template.startswith("/") or ".." in template.split("/"):
        raise ValueError(f"{method!r} is neither empty nor {LOCAL_QUARANTINE} and a file name below QUARANTINEDIR")
    return method


QuarantineMethod = Annotated[str, BeforeValidator(_quarantine_method)]


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


ScannerSocket = Annotated[SocketAddress, BeforeValidator(_socket_address), PlainSerializer(str)]


class AvScanner(BaseModel):
    """One entry of `av_scanners` or `av_scanners_backup` (B14.01)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    protocol: Literal["clamd"]
    socket: ScannerSocket


class SpamScanner(BaseModel):
    """One entry of `spam_scanners` (B14.06)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    protocol: Literal["spamd"]
    socket: ScannerSocket
