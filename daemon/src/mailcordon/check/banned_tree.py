"""Compares a tree of parts with rules of banned names (contracts B12.02 to B12.04).

A part without anything in it - a leaf - is judged together with all that it is inside of: the rules are gone through in
their order, and each is tried with every string of the whole path. The first rule that matches any of them decides: it
bans the leaf, or exempts it. So a rule further up that exempts archives exempts what is in them, and a rule further up
that bans a name bans it in an archive, too.

The rule that decides on a path is the first one of those that decide on its elements. So each part is compared with the
rules once, however many leaves are below it, and the rule for a path is a minimum.
"""

import time
from collections import deque
from dataclasses import dataclass, field

from mailcordon.check.banned_strings import attributes_of, printable, shown, strings_of
from mailcordon.config.banned import LONGEST_PATH, BannedRule, BannedRules
from mailcordon.config.lookup import with_captures
from mailcordon.mail.finding import DISCARD, Ban
from mailcordon.mail.part import Part

MOST_BANNED = 20
"""Banned parts of one message that are told of."""

_KEPT_STRINGS = 2048
"""Strings of which it is kept which rule is the first to match them: there are few types, and they come again."""
_LONGEST_KEPT = 64
_SHOWN_ATTRIBUTES = 12
_PATH_PROBLEM = f"Maximum length of a path of banned names ({LONGEST_PATH}) exceeded"


@dataclass(slots=True, eq=False)
class _Node:
    """A part on the way from the root down."""

    part: Part
    parent: "_Node | None"
    rule: int
    """Number of the first rule that matches it or anything that it is inside of."""
    text: str
    """What that rule matches."""
    attributes: tuple[str, ...] | None = None

    def path(self) -> list["_Node"]:
        """From the root to this one."""
        nodes = [self]
        while (parent := nodes[-1].parent) is not None:
            nodes.append(parent)
        return nodes[::-1]

    def line(self) -> str:
        """The attributes as `banned_namepath_re` sees them; worked out once, for all leaves below."""
        if self.attributes is None:
            self.attributes = attributes_of(self.part)
        return "\t".join(self.attributes)


@dataclass(frozen=True, slots=True)
class BannedPart:
    """A leaf that a rule bans."""

    part: Part
    name: str
    """In short: comment of the rule, types and names of the part."""
    result: str
    """What the rule says, `1` if it says no more than that."""
    ban: Ban

    @property
    def is_discarded(self) -> bool:
        """Whether the rule wants the sender not to be told (B11.02)."""
        return self.result.startswith(DISCARD)


@dataclass(slots=True)
class Compared:
    """What came of it."""

    banned: list[BannedPart] = field(default_factory=list)
    """Leaves that are banned, those of the upper levels first; of very many the first ones."""
    problem: str | None = None
    """Why some could not be compared, one line for log and findings."""

    def add(self, rule: BannedRule, text: str, leaf: _Node) -> None:
        """The rule decides on the leaf, for it matches `text`."""
        if rule.result is False:
            return
        result = "1"
        if isinstance(rule.result, str):
            match = rule.expression.search(text)
            result = with_captures(rule.result, match) if match else rule.result
        if len(self.banned) >= MOST_BANNED:
            # What matters of the others is whether one of them says something about the sender.
            if not result.startswith(DISCARD) or any(part.is_discarded for part in self.banned):
                return
            del self.banned[-1]
        self.banned.append(_banned(rule, result, leaf))


def _banned(rule: BannedRule, result: str, leaf: _Node) -> BannedPart:
    comment = rule.comment
    name = shown(leaf.part)
    nodes = leaf.path()
    return BannedPart(
        part=leaf.part,
        name=f"{comment}:{name}" if comment else name,
        result=result,
        ban=Ban(
            parts=" | ".join(shown(node.part) for node in nodes),
            attributes=printable(" | ".join(",".join(attributes_of(node.part)[:_SHOWN_ATTRIBUTES]) for node in nodes)),
            key=rule.expression.pattern,
            comment=comment or rule.expression.pattern,
        ),
    )


class Matcher:
    """Rules, ready for use."""

    def __init__(self, rules: BannedRules) -> None:
        self._rules = tuple(rule for table in rules.tables for rule in table.rules)
        self._searches = tuple((number, rule.expression.search) for number, rule in enumerate(self._rules))
        self._paths = rules.paths.rules if rules.paths else ()
        self._known: dict[str, int] = {}

    @property
    def size(self) -> int:
        """Number of rules."""
        return len(self._rules) + len(self._paths)

    def compare(self, root: Part, seconds: float) -> Compared:
        """Go through the tree, for no longer than `seconds`."""
        compared = Compared()
        deadline = time.monotonic() + seconds
        nodes = deque([self._node(root, None)])
        while nodes:
            if time.monotonic() > deadline:
                compared.problem = f"Exceeded time limit of {seconds:.0f} s for banned names"
                break
            node = nodes.popleft()
            if node.part.children:
                nodes.extend([self._node(child, node) for child in node.part.children])
            elif node.rule < len(self._rules):
                compared.add(self._rules[node.rule], node.text, node)
            elif self._paths:
                self._compare_path(node, compared)
        return compared

    def _node(self, part: Part, parent: _Node | None) -> _Node:
        best, text = (len(self._rules), "") if parent is None else (parent.rule, parent.text)
        for string in strings_of(part):
            number = self._first(string)
            if number < best:
                best, text = number, string
        return _Node(part, parent, best, text)

    def _first(self, string: str) -> int:
        """Number of the first rule that matches, their count if none does."""
        known = self._known.get(string)
        if known is not None:
            return known
        first = next((number for number, search in self._searches if search(string)), len(self._rules))
        if len(string) <= _LONGEST_KEPT:
            if len(self._known) >= _KEPT_STRINGS:
                self._known.clear()
            self._known[string] = first
        return first

    def _compare_path(self, leaf: _Node, compared: Compared) -> None:
        lines = [node.line() for node in leaf.path()]
        while sum(map(len, lines)) + len(lines) > LONGEST_PATH and len(lines) > 1:
            compared.problem = _PATH_PROBLEM
            del lines[0]
        text = "\n".join(lines)
        if len(text) > LONGEST_PATH:
            compared.problem = _PATH_PROBLEM
            text = text[:LONGEST_PATH]
        for rule in self._paths:
            if rule.expression.search(text):
                compared.add(rule, text, leaf)
                return
