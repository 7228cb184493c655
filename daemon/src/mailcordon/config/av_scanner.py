"""Entries of `av_scanners` and `av_scanners_backup`: a virus scanner, as data (B14.01)."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from mailcordon.config.expressions import LONGEST, compile_expression
from mailcordon.config.schema_types import schema_of_one_or_list
from mailcordon.config.types import ScannerSockets, made_by

Scope = Literal["mail", "parts", "both"]
"""`mail`: the message as it came. `parts`: what was unpacked from it, and the message without that. `both`."""

DIRECTORY = "{}"
"""Stands for the directory with what is to be scanned."""
FILES = "{}/*"
"""Stands for the files in it, with their paths."""
NAMES = "*"
"""Stands for the names of the files; the program is started in their directory."""
_LISTS = (FILES, NAMES)
_HIGHEST_STATUS = 255


@dataclass(frozen=True, slots=True)
class ResultTest:
    """Tells by the exit status of a program, or by its output, that it has come to a certain result."""

    statuses: frozenset[int] = frozenset()
    expression: re.Pattern[str] | None = None

    @classmethod
    def parse(cls, raw: object) -> "ResultTest":
        """Raises ValueError for what is neither a list of exit statuses nor a regular expression."""
        if isinstance(raw, ResultTest):
            return raw
        if isinstance(raw, str):
            return cls(expression=compile_expression(raw))
        if isinstance(raw, list) and all(_is_status(one) for one in raw):
            return cls(statuses=frozenset(raw))
        raise ValueError(f"{raw!r} is neither a list of exit statuses (0 to 255) nor a regular expression")

    def __bool__(self) -> bool:
        return bool(self.statuses) or self.expression is not None

    def holds(self, status: int, output: str) -> bool:
        """Whether a program that ended like this has come to that result."""
        if self.expression is not None:
            return any(self.expression.search(line) for line in lines_of(output))
        return status in self.statuses

    def written(self) -> str | list[int]:
        """As it stands in a fragment."""
        return sorted(self.statuses) if self.expression is None else self.expression.pattern


def lines_of(output: str) -> Iterable[str]:
    """The lines of an output, of long ones beginning and end: no expression may be busy with them for long."""
    for line in output.splitlines():
        if len(line) <= LONGEST:
            yield line
        else:
            yield line[:LONGEST]
            yield line[-LONGEST:]


def _is_status(raw: object) -> bool:
    return isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= _HIGHEST_STATUS


def _expression(raw: object) -> re.Pattern[str] | None:
    if raw == "" or raw is None:
        return None
    if isinstance(raw, re.Pattern):
        return raw
    if not isinstance(raw, str):
        raise ValueError(f"{raw!r} is not a regular expression")  # noqa: TRY004 - pydantic collects ValueError
    return compile_expression(raw)


def _one_or_list(raw: object) -> object:
    return [raw] if isinstance(raw, (str, dict, BaseModel)) else raw


def _words(raw: object) -> object:
    return raw.split() if isinstance(raw, str) else raw


def _program(raw: object) -> object:
    if isinstance(raw, str) and raw and not ("/" in raw and not raw.startswith("/")):
        return raw
    raise ValueError(f"{raw!r} is neither the name of a program nor an absolute path")


_TEXT = {"type": "string"}
_STATUS = {"type": "integer", "minimum": 0, "maximum": _HIGHEST_STATUS}
_RESULT_SCHEMA = {"anyOf": [_TEXT, {"type": "array", "items": _STATUS}]}

ResultRule = Annotated[
    ResultTest,
    made_by(ResultTest.parse),
    PlainSerializer(ResultTest.written),
    WithJsonSchema(_RESULT_SCHEMA),
]
NameRule = Annotated[
    re.Pattern[str] | None,
    made_by(_expression),
    PlainSerializer(lambda made: "" if made is None else made.pattern),
    WithJsonSchema(_TEXT),
]
Program = Annotated[str, BeforeValidator(_program)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class AvScanner(BaseModel):
    """One entry of `av_scanners` or `av_scanners_backup` (B14.01)."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
        json_schema_extra={
            "if": {"properties": {"protocol": {"const": "clamd"}}},
            "then": {"required": ["socket"]},
            "else": {"required": ["command", "arguments", "clean", "infected"]},
        },
    )

    name: Annotated[str, Field(min_length=1)]
    """Name in the log."""
    protocol: Literal["clamd", "command"]
    """What the scanner speaks; `command`: a program is started for each message."""
    scan: Scope = "parts"
    """What it gets: `mail` as it came, `parts` unpacked and the mail without them, or `both` (B14.02)."""
    socket: ScannerSockets = []
    """clamd: path of its unix socket, or HOST:PORT; a list: servers that share the work and stand in for each other."""
    command: Annotated[list[Program], BeforeValidator(_one_or_list), schema_of_one_or_list(_TEXT)] = []
    """Name of the program, searched for in `path`, or its absolute path; of a list the first that is there (B14.01)."""
    arguments: Annotated[list[str], BeforeValidator(_words), schema_of_one_or_list(_TEXT)] = []
    """Words for the program: `{}` is the directory, `{}/*` the paths of the files, `*` their names (B14.01)."""
    clean: ResultRule = ResultTest()
    """Exit statuses, or a regular expression for a line of the output, that mean: nothing found (B14.01)."""
    infected: ResultRule = ResultTest()
    """The same for: a virus was found; it goes before `clean` (B14.01)."""
    virus_name: NameRule = None
    """Regular expression for the lines of the output that tell a name, which is its first group (B14.01)."""
    environment: dict[Variable, str] = {}
    """Variables of the program's environment, beside PATH (B14.01)."""
    processes: Annotated[int, Field(ge=1)] = 2
    """Programs that one worker starts at a time; more messages wait for their turn."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problem = self._problem_of_clamd() if self.protocol == "clamd" else self._problem_of_command()
        if problem:
            raise ValueError(f"{self.name}: {problem}")
        return self

    def _problem_of_clamd(self) -> str | None:
        foreign = self.model_fields_set & {
            "command",
            "arguments",
            "clean",
            "infected",
            "virus_name",
            "environment",
            "processes",
        }
        if foreign:
            return f'{", ".join(sorted(foreign))} does not go with protocol = "clamd", which has a socket'
        if not self.socket:
            return "socket is not set: the path of clamd's socket, or HOST:PORT"
        if len(set(map(str, self.socket))) < len(self.socket):
            return "socket names the same server twice"
        return None

    def _problem_of_command(self) -> str | None:
        if "socket" in self.model_fields_set:
            return 'socket does not go with protocol = "command", which has a program'
        if not self.command:
            return "command is not set: the name or path of the program"
        lists = [word for word in self.arguments if word in _LISTS]
        if len(lists) > 1:
            return f"arguments: {FILES} and {NAMES} may stand once altogether"
        if not lists and not any(DIRECTORY in word for word in self.arguments):
            return f"arguments: without {DIRECTORY}, {FILES} or {NAMES} the program is not told what to scan"
        if not self.clean or not self.infected:
            return "clean and infected must both tell how the program's result is known"
        both = self.clean.statuses & self.infected.statuses
        if both:
            return f"exit status {min(both)} cannot be both clean and infected"
        return None


def found_program(scanner: AvScanner, search_path: str) -> str | None:
    """Path of the first program of `command` that is there and may be started; None without one (features 5.07)."""
    return next(filter(None, (shutil.which(name, path=search_path) for name in scanner.command)), None)
