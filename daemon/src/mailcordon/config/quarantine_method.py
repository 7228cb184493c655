"""How a quarantine method is written, and what it says (B10.01)."""

import re
import shlex

from mailcordon.config.next_hop import DeliveryMethod, delivery_method

LOCAL_QUARANTINE = "local:"
SQL_QUARANTINE = "sql:"
BSMTP_QUARANTINE = "bsmtp:"
PIPE_QUARANTINE = "pipe:"

_HOPS = ("smtp:", "lmtp:")
_OF_ONE_MAIL = re.compile(r"%[bimn]")
_ARGUMENTS = re.compile(r"(?:flags=\S+\s+)?argv=(.+)", re.DOTALL)


def quarantine_method(raw: object) -> str:
    """Check a method. Raises ValueError."""
    if not isinstance(raw, str):
        raise ValueError(f"{raw!r} is not a text")  # noqa: TRY004 - pydantic collects ValueError
    kind = next((kind for kind in (LOCAL_QUARANTINE, BSMTP_QUARANTINE) if raw.startswith(kind)), None)
    if not raw or raw == SQL_QUARANTINE:
        return raw
    if hop_of(raw) is not None or raw.startswith(PIPE_QUARANTINE):
        if raw.startswith(PIPE_QUARANTINE):
            pipe_arguments(raw)
        return raw
    template = raw.removeprefix(kind) if kind else ""
    if not template or template.startswith("/") or template.endswith("/") or ".." in template.split("/"):
        raise ValueError(
            f"{raw!r} is neither empty nor {SQL_QUARANTINE} nor {LOCAL_QUARANTINE} and a file name below "
            "QUARANTINEDIR, nor one of smtp:, lmtp:, pipe:, bsmtp: with what belongs to them"
        )
    if kind == BSMTP_QUARANTINE and not names_one_mail(template):
        raise ValueError(f"{raw!r} needs a file for each mail, such as {BSMTP_QUARANTINE}%m")
    return raw


def names_one_mail(template: str) -> bool:
    """Whether each mail has a file of its own; if not, all go into one mailbox file (B10.05)."""
    return bool(_OF_ONE_MAIL.search(template.replace("%%", "")))


def hop_of(method: str) -> DeliveryMethod | None:
    """The next hop that takes the copies; None for methods of another kind. Raises ValueError."""
    return delivery_method(method) if method.startswith(_HOPS) else None


def pipe_arguments(method: str) -> list[str]:
    """The program that gets the copy on its standard input, and its arguments, in which `${sender}` and `${recipient}`
    stand for addresses. Raises ValueError."""
    match = _ARGUMENTS.fullmatch(method.removeprefix(PIPE_QUARANTINE).strip())
    arguments = shlex.split(match[1]) if match else []
    if not arguments or not arguments[0].startswith("/"):
        raise ValueError(f"{method!r} does not name a program, as {PIPE_QUARANTINE}argv=/path/to/program argument ...")
    return arguments
