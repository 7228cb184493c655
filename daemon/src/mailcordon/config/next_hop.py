"""Delivery methods: where mail goes on to (B7.01)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mailcordon.mail.envelope import Session

CLIENTS_OWN = "*"
"""For a host: the address of the client that brought the mail. For a port: the one that it came to, plus one."""

_METHOD = re.compile(
    r"(?P<protocol>smtp|lmtp):"
    r"(?:(?:\[(?P<literal>[^\]\s]+)\]|(?P<host>[^\[\]:/,\s]+)):(?P<port>[0-9]{1,5}|\*)|(?P<path>/[^,\s]+))"
    r"(?P<options>(?:[,\s]+[^,\s]+)*)"
)
_OPTION = re.compile(r"[^,\s]+")
_LHLO = "lhlo"
"""The hop speaks LMTP, whatever stands before the colon."""
_SEVERAL_RECIPIENTS = "mult"
"""Several recipients in a transaction: always so."""
_LATER = ("pipe", "bsmtp", "local", "sql")


@dataclass(frozen=True, slots=True)
class NextHop:
    """One place to send mail to, such as `smtp:[127.0.0.1]:10025` or `lmtp:/run/mta.sock`."""

    protocol: Literal["smtp", "lmtp"]
    host: str | None = None
    """Name or address; CLIENTS_OWN until the client is known; None for a unix socket."""
    port: int | None = None
    """None for a unix socket, and for CLIENTS_OWN until the client is known."""
    path: str | None = None

    def __str__(self) -> str:
        if self.path:
            return f"{self.protocol}:{self.path}"
        host = self.host if self.host == CLIENTS_OWN else f"[{self.host}]"
        return f"{self.protocol}:{host}:{CLIENTS_OWN if self.port is None else self.port}"

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same place for every client."""
        return self.path is not None or (self.host != CLIENTS_OWN and self.port is not None)

    def seen_from(self, session: Session) -> "NextHop | None":
        """The place that it stands for in mail of that session; None if that has none, as on a unix socket."""
        if self.is_fixed:
            return self
        host = session.peer_addr if self.host == CLIENTS_OWN else self.host
        port = self.port if self.port is not None else (session.local_port or 65535) + 1
        return NextHop(self.protocol, host, port) if host and port < 65536 else None


@dataclass(frozen=True, slots=True)
class DeliveryMethod:
    """Next hops in the order in which they are tried: a later one serves when those before it cannot be reached."""

    hops: tuple[NextHop, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.hops))


def optional_delivery_method(raw: object) -> DeliveryMethod:
    """The same, where empty stands for a method without hops: another setting decides. Raises ValueError."""
    return DeliveryMethod(()) if raw in ("", []) else delivery_method(raw)


def delivery_method(raw: object) -> DeliveryMethod:
    """Read a method, or a list of them. Raises ValueError."""
    if isinstance(raw, DeliveryMethod):
        return raw
    texts = raw if isinstance(raw, list) else [raw]
    if not texts:
        raise ValueError("an empty list: the mail would have nowhere to go")
    return DeliveryMethod(tuple(_hops(texts)))


def _hops(texts: list[object]) -> Iterator[NextHop]:
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"{text!r} is not a text")  # noqa: TRY004 - pydantic collects ValueError
        yield _hop(text.strip())


def _hop(text: str) -> NextHop:
    if not text:
        raise ValueError("empty: the mail would have nowhere to go")
    if text.partition(":")[0] in _LATER:
        raise ValueError(f"{text!r}: methods are smtp and lmtp; {', '.join(_LATER)} are not supported here")
    match = _METHOD.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a delivery method such as smtp:[127.0.0.1]:10025 or lmtp:/run/mta.sock")
    options = {option.lower() for option in _OPTION.findall(match["options"])}
    unknown = options - {_LHLO, _SEVERAL_RECIPIENTS}
    if unknown:
        raise ValueError(f"{text!r}: unknown option {min(unknown)}; there are {_LHLO} and {_SEVERAL_RECIPIENTS}")
    protocol: Literal["smtp", "lmtp"] = "lmtp" if match["protocol"] == "lmtp" or _LHLO in options else "smtp"
    if match["path"]:
        return NextHop(protocol, path=match["path"])
    port = None if match["port"] == CLIENTS_OWN else int(match["port"])
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{text!r} has no valid port")
    return NextHop(protocol, match["literal"] or match["host"], port)
