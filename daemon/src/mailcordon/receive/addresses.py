"""Arguments of MAIL and RCPT: paths (RFC 5321 4.1.2) and parameters (RFC 1870, 3461, 4954, 6152, 6531).

An address that the MTA has accepted must not bounce here for its looks. So a local part is anything that can be told
apart from what is around it, and a domain is not judged at all.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailcordon.mail.envelope import Recipient
from mailcordon.receive.replies import CommandError, bad_parameter, syntax, unrecognized_parameter

MAIL_FORM = "MAIL FROM:<address>"
RCPT_FORM = "RCPT TO:<address>"

_QUOTED_STRING = r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"'
_ADDRESS = rf'(?:{_QUOTED_STRING}|[^\s<>"\\\x00-\x1f\x7f]|\\[^\s\x00-\x1f\x7f])*'
_PATH = re.compile(rf"[ \t]*<({_ADDRESS})>(?:[ \t]+(.*))?")
_SOURCE_ROUTE = re.compile(r'@[^:"\\]*:')
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\s=\x00-\x1f\x7f]+))?")
_ORCPT = re.compile(r"([A-Za-z0-9.-]+);(.+)")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_UTF8_ADDRESS = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2}|[^\x00-\x7f])+")
_DIGITS = re.compile(r"[0-9]{1,20}")

# No quoting, no source route, no parameters, nothing but ASCII, and all replies fit into one line each.
_PLAIN_RCPTS = re.compile(rb"(?:RCPT TO:<(?!@)[!#-;=?-\[\]-~]{1,254}>\r\n){1,200}")
_BETWEEN_RCPTS = ">\r\nRCPT TO:<"

_NOTIFY_WORDS = frozenset({"SUCCESS", "FAILURE", "DELAY"})
_ENVID_LIMIT = 100
_ORCPT_LIMIT = 500
_SUBMITTER_LIMIT = 500
_NOBODY = "<>"


@dataclass(frozen=True, slots=True)
class MailArguments:
    """What a MAIL command said; fields as in `Envelope`."""

    sender: str
    size: int | None = None
    """Octets that the client announced (RFC 1870)."""
    body_type: str | None = None
    smtputf8: bool = False
    ret: str | None = None
    envid: str | None = None
    auth: str | None = None


def parse_mail(arguments: str) -> MailArguments:
    """Read `FROM:<address> parameters`. Raises CommandError."""
    sender, parameters = _split(arguments, "FROM:", MAIL_FORM)
    given = dict(_parameters(parameters, "MAIL", frozenset({"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH"})))
    smtputf8 = "SMTPUTF8" in given
    if given.get("SMTPUTF8") is not None:
        raise CommandError(bad_parameter("SMTPUTF8 takes no value"))
    return MailArguments(
        sender=sender,
        size=_size(given["SIZE"]) if "SIZE" in given else None,
        body_type=_word(given["BODY"], "BODY", frozenset({"7BIT", "8BITMIME"})) if "BODY" in given else None,
        smtputf8=smtputf8,
        ret=_word(given["RET"], "RET", frozenset({"FULL", "HDRS"})) if "RET" in given else None,
        envid=_xtext(given["ENVID"], "ENVID", _ENVID_LIMIT) if "ENVID" in given else None,
        auth=_submitter(given["AUTH"]) if "AUTH" in given else None,
    )


def parse_rcpt(arguments: str) -> Recipient:
    """Read `TO:<address> parameters`. Raises CommandError."""
    address, parameters = _split(arguments, "TO:", RCPT_FORM)
    if not address:
        raise CommandError(syntax(RCPT_FORM))
    if not parameters:
        return Recipient(address)
    given = dict(_parameters(parameters, "RCPT", frozenset({"NOTIFY", "ORCPT"})))
    return Recipient(
        address=address,
        notify=_notify(given["NOTIFY"]) if "NOTIFY" in given else None,
        orcpt=_orcpt(given["ORCPT"]) if "ORCPT" in given else None,
    )


def plain_recipients(octets: bytes | bytearray, most: int) -> tuple[list[Recipient], int]:
    """The recipients of the RCPT commands that `octets` begin with, and the length of these commands.

    At most so many, and only of commands in the form that nearly all have, for which there is nothing to find out.
    """
    match = _PLAIN_RCPTS.match(octets)
    if match is None:
        return [], 0
    addresses = match[0][len("RCPT TO:<") : -len(">\r\n")].decode("ascii").split(_BETWEEN_RCPTS)[:most]
    length = sum(map(len, addresses)) + len(addresses) * len(_BETWEEN_RCPTS)
    return list(map(Recipient, addresses)), length


def bare_address(text: str) -> str | None:
    """The address of a path whose angle brackets may be missing; empty for `<>`, None for what is no address."""
    stripped = text.strip()
    match = _PATH.fullmatch(stripped if stripped.startswith("<") else f"<{stripped}>")
    return None if match is None or match[2] else match[1]


def _split(arguments: str, keyword: str, form: str) -> tuple[str, str]:
    """The address without its brackets and source route (RFC 5321: ignored), and the parameters."""
    if arguments[: len(keyword)].upper() != keyword:
        raise CommandError(syntax(form))
    match = _PATH.fullmatch(arguments, len(keyword))
    if match is None:
        raise CommandError(syntax(form))
    address = match[1]
    if address.startswith("@"):
        route = _SOURCE_ROUTE.match(address)
        if route is None or route.end() == len(address):
            raise CommandError(syntax(form))
        address = address[route.end() :]
    return address, match[2] or ""


def _parameters(text: str, command: str, known: frozenset[str]) -> Iterator[tuple[str, str | None]]:
    seen = set()
    for item in text.split():
        match = _PARAMETER.fullmatch(item)
        if match is None:
            raise CommandError(bad_parameter(f"bad syntax in {command} parameters"))
        name = match[1].upper()
        if name not in known:
            raise CommandError(unrecognized_parameter(command, name))
        if name in seen:
            raise CommandError(bad_parameter(f"{name} given twice"))
        seen.add(name)
        yield name, match[2]


def _size(value: str | None) -> int:
    if value is None or not _DIGITS.fullmatch(value):
        raise CommandError(bad_parameter("SIZE takes a number of octets"))
    return int(value)


def _word(value: str | None, name: str, allowed: frozenset[str]) -> str:
    word = (value or "").upper()
    if word not in allowed:
        raise CommandError(bad_parameter(f"{name} is one of {', '.join(sorted(allowed))}"))
    return word


def _notify(value: str | None) -> str:
    words = (value or "").upper()
    listed = words.split(",")
    if words != "NEVER" and (len(listed) != len(set(listed)) or not _NOTIFY_WORDS.issuperset(listed)):
        raise CommandError(bad_parameter("NOTIFY is NEVER or a list of SUCCESS, FAILURE, DELAY"))
    return words


def _xtext(value: str | None, name: str, limit: int) -> str:
    if value is None or len(value) > limit or not _XTEXT.fullmatch(value):
        raise CommandError(bad_parameter(f"{name} takes xtext of at most {limit} characters"))
    return value


def _submitter(value: str | None) -> str:
    """An address in xtext, or `<>` (RFC 4954 5). Taken without AUTH of our own: a parameter must not bounce mail."""
    return value if value == _NOBODY else _xtext(value, "AUTH", _SUBMITTER_LIMIT)


def _orcpt(value: str | None) -> str:
    """`type;address` (RFC 3461 4.2); the address of type utf-8 may hold UTF-8 (RFC 6533 3)."""
    match = _ORCPT.fullmatch(value or "")
    if match is None or value is None or len(value) > _ORCPT_LIMIT:
        raise CommandError(bad_parameter(f"ORCPT takes type;xtext of at most {_ORCPT_LIMIT} characters"))
    address = _UTF8_ADDRESS if match[1].lower() == "utf-8" else _XTEXT
    if not address.fullmatch(match[2]):
        raise CommandError(bad_parameter("ORCPT is not in xtext"))
    return value
