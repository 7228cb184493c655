"""Templates that administrators write: Jinja2 in its sandbox, checked before they take effect."""

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import jinja2
from jinja2 import nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

_FROM_ELSEWHERE = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


@dataclass(frozen=True, slots=True, eq=False)
class CheckedTemplate:
    """A template that can be compiled and names only what there is."""

    template: jinja2.Template
    names: frozenset[str]
    """The variables that it names: no others need to be worked out."""


def checked_template(text: str, known: Collection[str]) -> CheckedTemplate:
    """Compile it. Raises ValueError with line and reason: bad syntax, or a variable that is not `known`.

    What an expression may raise while the template is filled in is left: anything.
    """
    environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    try:
        tree = environment.parse(text)
        names = find_undeclared_variables(tree)
        problem = next(_problems(tree, names, known), None)
        if problem is None:
            return CheckedTemplate(environment.from_string(text), frozenset(names))
    except jinja2.TemplateSyntaxError as error:
        problem = f"line {error.lineno}: {error.message}"
    except RecursionError:
        problem = "nested too deeply"
    raise ValueError(problem)


def _problems(tree: nodes.Template, names: Collection[str], known: Collection[str]) -> Iterator[str]:
    for statement in tree.find_all(_FROM_ELSEWHERE):
        yield f"line {statement.lineno}: a template cannot take in others"
    for name in tree.find_all(nodes.Name):
        if name.name in names and name.name not in known:
            near = difflib.get_close_matches(name.name, known, n=1)
            yield f"line {name.lineno}: there is no {name.name}" + (f"; did you mean {near[0]}?" if near else "")
