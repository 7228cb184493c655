"""What test files name: items of features and contracts, and the tests that name them.

A test names an item in its docstring, in a comment or in a parameter's id: those of features as `features 2.31`,
`features 2.31, 2.33` or `features 2.31-2.33`, those of contracts as `B5.09`, with or without a word before, and
`B5.09-B5.11`. What stands in a table outside of tests counts for the tests that use the table; what stands anywhere
else in a test file is about the file as a whole.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

FEATURE = r"\d+\.\d\d"
CONTRACT = rf"B{FEATURE}"
ITEM = rf"B?{FEATURE}"
# The items after the first may go over several lines of a comment or docstring
FURTHER = r"(?:\s*(?:,|-|\band\b|\bto\b)[\s#]*)"
# Those of features need their word, or versions and times would be taken for items
MENTIONS = [
    re.compile(rf"\bfeatures?\s+({FEATURE}(?:{FURTHER}{FEATURE})*)", re.IGNORECASE),
    re.compile(rf"\b({CONTRACT}(?:{FURTHER}{CONTRACT})*)"),
]
RANGE = re.compile(rf"({ITEM})\s*(?:-|to)\s*({ITEM})")


@dataclass
class Coverage:
    """Items with the tests (`path::test`) that name them, and with the files that do so outside of tests."""

    tests: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)


def expanded(mention: str) -> list[str]:
    """The items of one mention; `2.31-2.33` stands for three."""
    found = re.findall(ITEM, mention)
    for first, last in RANGE.findall(mention):
        chapter, low = first.split(".")
        _, high = last.split(".")
        found += [f"{chapter}.{number:02}" for number in range(int(low), int(high) + 1)]
    return sorted(set(found))


def mentions(source: str) -> Iterator[tuple[int, str]]:
    """Line number and item of everything that a text names."""
    for match in (match for mention in MENTIONS for match in mention.finditer(source)):
        line = source.count("\n", 0, match.start()) + 1
        for item in expanded(match.group(1)):
            yield line, item


def first_line(node: ast.stmt) -> int:
    """The line on which a definition begins, its decorators included."""
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def test_functions(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """All tests of a module by name, those of classes as Class::test."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_"):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and member.name.startswith("test_"):
                    yield f"{node.name}::{member.name}", member


def assigned_names(node: ast.stmt) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def tests_at(tree: ast.Module, lines: list[str], line: int) -> list[str]:
    """The tests that a line belongs to; none for a line that belongs to the whole file."""
    tests = list(test_functions(tree))
    for name, node in tests:
        begin = first_line(node)
        while begin > 1 and lines[begin - 2].lstrip().startswith("#"):
            begin -= 1
        if begin <= line <= (node.end_lineno or node.lineno):
            return [name]
    for table in tree.body:
        if (names := assigned_names(table)) and table.lineno <= line <= (table.end_lineno or table.lineno):
            return [
                name
                for name, node in tests
                if any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(node))
            ]
    return []


def collect_file(shown: str, source: str, coverage: Coverage) -> None:
    """Adds what one test file names."""
    tree = ast.parse(source)
    lines = source.splitlines()
    for line, item in mentions(source):
        tests = [f"{shown}::{name}" for name in tests_at(tree, lines, line)]
        named = (coverage.tests if tests else coverage.files).setdefault(item, [])
        named += [name for name in tests or [shown] if name not in named]
