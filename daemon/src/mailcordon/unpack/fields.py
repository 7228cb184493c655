"""The content fields in the header section of one part."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mailcordon.mail.file_names import shortened
from mailcordon.unpack.parameters import ENCODED_WORD, Parameter, display_name, parse_parameters
from mailcordon.unpack.transfer import read_encoding

MAX_FIELD_LENGTH = 64 * 1024
"""Octets of a content field that are looked at. RFC 5322 ends lines at 998; real fields stay far below 4 KiB."""
MAX_BOUNDARY_LENGTH = 998
"""RFC 2046 allows 70, but mail programs accept more; a delimiter has to fit into a line."""

_CONTENT_FIELD = re.compile(
    rb"^content-(type|transfer-encoding|disposition)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE | re.MULTILINE
)
_MEDIA_TYPE = re.compile(r'\s*+([^\s;/()"]++)\s*+/\s*+([^\s;/()"]++)')
_STRUCTURED = re.compile(r"multipart|message", re.IGNORECASE)
_ODD_IN_BOUNDARY = re.compile(r'[\x00-\x1f\x7f-\xff"\\]|^\s|\s$')
_TOKEN = re.compile(r'\s*+([^\s;/()"]++)')
_FOLD = re.compile(r"\r?\n")


@dataclass(frozen=True, slots=True)
class ContentFields:
    """What a part says about itself."""

    content_type: str
    encoding: str = "7bit"
    disposition: str | None = None
    charset: str | None = None
    names: tuple[str, ...] = ()
    raw_names: tuple[str, ...] = ()
    boundary: bytes | None = None
    """Only of a multipart."""
    ambiguous: tuple[str, ...] = ()
    """Why readers may see other parts than we do; empty when they cannot."""
    too_long: bool = False
    """A field went on behind MAX_FIELD_LENGTH."""


def read_content_fields(octets: memoryview, start: int, end: int, default_type: str) -> ContentFields:
    """Read the header section between `start` and `end`. Never raises; costs linear time."""
    bodies: dict[str, list[str]] = {"type": [], "transfer-encoding": [], "disposition": []}
    too_long = False
    for match in _CONTENT_FIELD.finditer(octets, start, end):
        body_start, body_end = match.span(2)
        too_long |= body_end - body_start > MAX_FIELD_LENGTH
        body = bytes(octets[body_start : min(body_end, body_start + MAX_FIELD_LENGTH)])
        bodies[match.group(1).decode("ascii").lower()].append(_FOLD.sub("", body.decode("latin-1")).strip())

    type_body = _first(bodies["type"])
    type_parameters = parse_parameters(type_body)
    disposition_body = _first(bodies["disposition"])
    content_type, type_problem = _content_type(type_body, default_type)
    encoding, encoding_problem = read_encoding(_first(bodies["transfer-encoding"]))
    declared = _values(parse_parameters(disposition_body).get("filename"), type_parameters.get("name"))
    names = _each_once(display_name(value) for value in declared)
    boundary, boundary_problem = _boundary(content_type, type_parameters.get("boundary"))
    problems = (_contradiction(bodies), type_problem, encoding_problem, boundary_problem)
    return ContentFields(
        content_type=content_type,
        encoding=encoding,
        disposition=_token(disposition_body),
        charset=_charset(type_parameters.get("charset")),
        names=names,
        raw_names=tuple(name for name in _each_once(map(shortened, declared)) if name not in names),
        boundary=boundary,
        ambiguous=tuple(problem for problem in problems if problem),
        too_long=too_long,
    )


def _first(bodies: list[str]) -> str:
    return bodies[0] if bodies else ""


def _contradiction(bodies: dict[str, list[str]]) -> str | None:
    for name, given in bodies.items():
        if len(set(given)) > 1:
            return f"several different Content-{name.title()} fields"
    return None


def _content_type(body: str, default_type: str) -> tuple[str, str | None]:
    """The media type, and what is wrong with how it is given."""
    if not body:
        return default_type, None
    match = _MEDIA_TYPE.match(body)
    if match:
        return f"{match.group(1)}/{match.group(2)}".lower(), None
    # RFC 2045 5.2: what cannot be understood is plain text. Some readers understand more than others.
    is_structured = _STRUCTURED.search(body.partition(";")[0])
    return "text/plain", "content type that cannot be understood" if is_structured else None


def _token(body: str) -> str | None:
    match = _TOKEN.match(body)
    return match.group(1).lower() if match else None


def _boundary(content_type: str, parameter: Parameter | None) -> tuple[bytes | None, str | None]:
    """The boundary, and what is wrong with how it is given (B13.05, CVE-2024-28054)."""
    if not content_type.startswith("multipart/"):
        return None, None
    given = parameter.values[0] if parameter else ""
    boundary = given.rstrip().encode("latin-1", "replace")
    if parameter is None or not boundary:
        return None, "multipart without boundary"
    if len(boundary) > MAX_BOUNDARY_LENGTH:
        return None, "overlong boundary parameter"
    if not parameter.clear:
        return boundary, "ambiguous boundary parameter"
    # A boundary fits into one line of ASCII; readers that know neither RFC 2231 nor RFC 2047 would look for another.
    if parameter.extended or ENCODED_WORD.search(given):
        return boundary, "boundary parameter in pieces or encoded"
    return boundary, "odd boundary parameter" if _ODD_IN_BOUNDARY.search(given) else None


def _charset(parameter: Parameter | None) -> str | None:
    return parameter.values[0][:64].lower() if parameter and parameter.values[0] else None


def _values(*parameters: Parameter | None) -> list[str]:
    """Every name a reader may show: mail programs differ in which one they prefer."""
    return [value for parameter in parameters if parameter for value in parameter.values]


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))
