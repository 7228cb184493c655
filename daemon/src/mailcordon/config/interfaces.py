"""Names of the places where mail comes in: keys of `interface_policy` (B4.03)."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

UNIX_SOCKETS = "SOCK"
"""Stands for every unix socket."""

SOCKET_PATH_LIMIT = 107
"""Octets of a unix socket's path, by unix(7)."""

_GROUP = re.compile(r"[^\s:,]{1,256}")
_ADDRESS_AND_PORT = re.compile(r"(?:(.+):)?(\d{1,5})")


def _interface(raw: object) -> str:
    """The one form of a name: `10026`, `127.0.0.1:10026`, `::1:10026`, `SOCK`, `/path`."""
    text = str(raw).strip()
    if text == UNIX_SOCKETS or text.startswith("/"):
        return text
    match = _ADDRESS_AND_PORT.fullmatch(text)
    if match is None or not 0 < int(match.group(2)) < 65536:
        raise ValueError(f"{text!r} is not a port, an address and port, {UNIX_SOCKETS} or a socket's path")
    if match.group(1) is None:
        return str(int(match.group(2)))
    try:
        return f"{ip_address(match.group(1).strip('[]'))}:{int(match.group(2))}"
    except ValueError:
        raise ValueError(f"{text!r}: {match.group(1)} is not an IP address") from None


def _socket_path(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"{str(path)!r} is not an absolute path")
    if len(bytes(path)) > SOCKET_PATH_LIMIT:
        raise ValueError(f"{str(path)!r} is longer than {SOCKET_PATH_LIMIT} octets, which no socket's path may be")
    return path


def _file_mode(raw: object) -> object:
    if not isinstance(raw, int) or not 0 <= raw <= 0o777:
        raise ValueError(f"{raw!r} is not a file mode; write it in octal, as 0o660")
    return raw


def _group_name(text: str) -> str:
    if not _GROUP.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a group")
    return text


GroupName = Annotated[str, AfterValidator(_group_name)]
SocketPath = Annotated[Path, AfterValidator(_socket_path)]
FileMode = Annotated[int, BeforeValidator(_file_mode)]
Interface = Annotated[str, BeforeValidator(_interface)]


def names_of(address: str | None, port: int | None, path: str | None) -> Iterator[str]:
    """All names of one place, the more specific one last, so that its bank wins."""
    if port is not None:
        yield str(port)
        yield f"{address}:{port}"
    else:
        yield UNIX_SOCKETS
        if path:
            yield path
