"""One template of a notification: header fields, an empty line, the text; all in Jinja's language (B11.09, B11.12).

Each field's body is a template of its own: whatever a value holds, it can bring no line of its own into the header.
Values are never read as template text. The number of loops, the size of the result and what may be called are limited,
so that a mistake in a template costs no more than this notification.
"""

import dataclasses
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, NoReturn

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, meta, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailcordon.act.notice_context import NoticeContext
from mailcordon.act.wording import Wording
from mailcordon.errors import TemplateError

MAX_SOURCE = 64 * 1024
"""Characters of a template."""
MAX_RESULT = 256 * 1024
"""Characters of what it makes."""
MAX_ROUNDS = 10_000
"""Rounds of all its loops together."""

OURS = frozenset(
    {"auto-submitted", "bcc", "cc", "date", "dkim-signature", "in-reply-to", "message-id", "mime-version", "received"}
    | {"references", "return-path", "sender", "to"}
)
"""Header fields, in lower case, that no template may write; those that begin with `Content-` or `Resent-` neither."""
FILTERS = frozenset(
    {"abs", "capitalize", "count", "d", "default", "first", "float", "int", "join", "last", "length", "list", "lower"}
    | {"map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "select", "selectattr", "sort"}
    | {"string", "sum", "title", "trim", "truncate", "unique", "upper", "wordcount", "wordwrap"}
)
_VARIABLES = tuple(field.name for field in dataclasses.fields(NoticeContext))
_FIELD = re.compile(r"([!-9;-~]+):(.*)", re.DOTALL)
_MACROS = re.compile(r"\[\?\s|%#[A-Za-z]")
"""What every template in the macro language of amavisd holds."""
_NOT_HERE = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.Call: "calling functions",
}
_BUDGET = "_budget"


class _Budget:
    """The rounds that are left to the loops of one notification."""

    def __init__(self) -> None:
        self._left = MAX_ROUNDS

    def each(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._left -= 1
            if self._left < 0:
                raise TemplateError(f"loops for more than {MAX_ROUNDS} rounds")
            yield item


@pass_context
def _limited(context: Context, items: Iterable[Any]) -> Iterator[Any]:
    budget: _Budget = context[_BUDGET]
    return budget.each(items)


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in FILTERS} | {"limited": _limited}

    def is_safe_callable(self, obj: Any) -> bool:
        return False

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> NoReturn:
        # A text times a number could fill the memory.
        raise TemplateError(f"{operator} is not allowed")


class NoticeTemplate:
    """A template that is ready to use. Its `path` is for messages."""

    def __init__(self, source: str, path: str) -> None:
        """Raises TemplateError with file, line and reason when it cannot be used."""
        if len(source) > MAX_SOURCE:
            raise TemplateError(f"{path}: is longer than {MAX_SOURCE} characters")
        self._environment = _Environment()
        self._path = path
        lines = source.removeprefix("\ufeff").splitlines()
        end = next((number for number, line in enumerate(lines) if not line.strip()), None)
        if end is None:
            self._refuse(len(lines), "there is no empty line between header fields and text")
        if _MACROS.search(source):
            self._refuse(1, "is written in the macro language of amavisd; ours is Jinja, see docs/notifications.md")
        self._fields = tuple(self._header(lines[:end]))
        self._text = self._compile("\n".join(lines[end + 1 :]) + "\n", end + 2)

    def render(self, context: NoticeContext) -> Wording:
        """What it makes of these values. Raises TemplateError with file, line and reason."""
        values = {**dataclasses.asdict(context), _BUDGET: _Budget()}
        fields = ((name, self._made(piece, values).strip()) for name, piece in self._fields)
        return Wording(tuple((name, body) for name, body in fields if body), self._made(self._text, values))

    def _header(self, lines: list[str]) -> Iterator[tuple[str, "_Piece"]]:
        found: list[tuple[str, str, int]] = []
        for number, line in enumerate(lines, 1):
            match = _FIELD.fullmatch(line)
            if line[:1] in (" ", "\t") and found:
                name, body, start = found[-1]
                found[-1] = (name, f"{body}\n{line.strip()}", start)
            elif match is None:
                self._refuse(number, f"{line!r} is no header field; the text begins after an empty line")
            else:
                found.append((match[1], match[2].strip(), number))
        names = [name.lower() for name, _, _ in found]
        for name, _, number in found:
            if name.lower() in OURS or name.lower().startswith(("content-", "resent-")):
                self._refuse(number, f"{name} is not for a template to set")
            if names.count(name.lower()) > 1:
                self._refuse(number, f"{name} stands there more than once")
        for name in ("From", "Subject"):
            if name.lower() not in names:
                self._refuse(1, f"there is no header field {name}")
        for name, body, number in found:
            yield name, self._compile(body, number)

    def _compile(self, source: str, first_line: int) -> "_Piece":
        try:
            tree = self._environment.parse(source)
            self._check(tree, first_line)
            for loop in list(tree.find_all(nodes.For)):
                loop.iter = nodes.Filter(
                    loop.iter, "limited", [], [], None, None, lineno=loop.lineno, environment=self._environment
                )
            code = self._environment.compile(tree, filename=self._path)
        except TemplateSyntaxError as error:
            self._refuse(first_line + error.lineno - 1, error.message or "wrong syntax")
        except RecursionError:
            self._refuse(first_line, "is nested too deeply")
        return _Piece(Template.from_code(self._environment, code, {}), first_line)

    def _check(self, tree: nodes.Template, first_line: int) -> None:
        for kind, word in _NOT_HERE.items():
            for node in tree.find_all(kind):
                self._refuse(first_line + node.lineno - 1, f"{word} is not possible here")
        for loop in tree.find_all(nodes.For):
            if loop.recursive:
                self._refuse(first_line + loop.lineno - 1, "recursive loops are not possible here")
        unknown = meta.find_undeclared_variables(tree) - set(_VARIABLES)
        for name in tree.find_all(nodes.Name):
            if name.name in unknown:
                near = difflib.get_close_matches(name.name, _VARIABLES, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self._refuse(first_line + name.lineno - 1, f"unknown variable {name.name}{hint}")

    def _made(self, piece: "_Piece", values: Mapping[str, Any]) -> str:
        try:
            return "".join(_bounded(piece.template.generate(values)))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a template is wrong with the template
            line = _line(error.__traceback__, self._path) or 1
            reason = str(error) or type(error).__name__
            raise TemplateError(f"{self._path}:{piece.first_line + line - 1}: {reason}") from None

    def _refuse(self, line: int, reason: str) -> NoReturn:
        raise TemplateError(f"{self._path}:{line}: {reason}")


@dataclasses.dataclass(frozen=True, slots=True)
class _Piece:
    """A compiled part of a file, and the line where it begins there."""

    template: Template
    first_line: int


def _bounded(pieces: Iterable[str]) -> Iterator[str]:
    size = 0
    for text in pieces:
        size += len(text)
        if size > MAX_RESULT:
            raise TemplateError(f"makes more than {MAX_RESULT} characters")
        yield text


def _line(traceback: TracebackType | None, path: str) -> int | None:
    """The line of the template that was at work last."""
    found = None
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == path:
            found = traceback.tb_lineno
        traceback = traceback.tb_next
    return found
