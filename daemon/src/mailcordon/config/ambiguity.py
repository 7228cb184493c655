"""Finds regular expressions that may take exponential time: those that can match one text in two ways, repeatedly.

The expression becomes an automaton whose states are the characters of the expression. If one state can be left and
reached again by the same text on two different ways, each repeat doubles the number of ways, and a text that does not
match in the end has them all tried.
"""

import importlib
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, TypeVar

N = TypeVar("N", bound=Hashable)

_parser: Any = importlib.import_module("re._parser")

_LAST = 0x10FFFF
_FEW = 8
"""Repeats up to this number, all levels together, are no repeats: they multiply the ways by a constant."""
_MAX_STATES = 400
"""Of one loop; the search takes the square of it."""

_Span = tuple[int, int]
_Set = tuple[_Span, ...]
_Pair = tuple[int, int]

_WORD: _Set = ((48, 57), (65, 90), (95, 95), (97, 122), (128, _LAST))
_SPACE: _Set = ((9, 13), (28, 32), (133, 133), (160, 160), (8192, 8202), (8232, 8233), (12288, 12288))
_CATEGORIES: Mapping[str, _Set] = {
    "CATEGORY_DIGIT": ((48, 57), (1632, _LAST)),
    "CATEGORY_SPACE": _SPACE,
    "CATEGORY_WORD": _WORD,
}


def is_ambiguous(pattern: str) -> bool:
    """Whether some text takes exponential time. Raises re.error for what is no regular expression."""
    parsed = _parser.parse(pattern)
    automaton = _Automaton(ignore_case=bool(parsed.state.flags & re.IGNORECASE) or "(?i" in pattern)
    automaton.add(parsed)
    return automaton.is_ambiguous()


@dataclass(slots=True)
class _Piece:
    """Where a part of the expression may begin and end, and whether it matches the empty text."""

    first: list[int] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    empty: bool = True


class _Automaton:
    def __init__(self, *, ignore_case: bool) -> None:
        self._ignore_case = ignore_case
        self._sets: list[_Set] = []
        self._follow: Counter[_Pair] = Counter()
        """How many ways lead directly from one state to the other."""
        self._apart: list[_Automaton] = []
        """Parts that are not tried again once they matched: atomic groups, possessive repeats, assertions."""

    def add(self, items: Any, times: int = 1) -> _Piece:
        """A sequence of parsed items that is repeated up to `times` times."""
        whole = _Piece()
        for operation, argument in items:
            whole = self._joined(whole, self._piece(str(operation), argument, times))
        return whole

    def _piece(self, operation: str, argument: Any, times: int) -> _Piece:
        match operation:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                return self._state(_set(operation, argument))
            case "SUBPATTERN":
                return self.add(argument[3], times)
            case "BRANCH":
                return self._either([self.add(branch, times) for branch in argument[1]])
            case "GROUPREF_EXISTS":
                return self._either([self.add(branch or (), times) for branch in argument[1:]])
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, body = argument
                return self._repeat(least, most, body, times)
            case "ATOMIC_GROUP":
                return self._closed(argument)
            case "POSSESSIVE_REPEAT":
                return self._closed([(_parser.MAX_REPEAT, argument)])
            case "ASSERT" | "ASSERT_NOT":
                self._part(argument[1])
        # Assertions, anchors and back references: taken as if they held always.
        return _Piece()

    def _state(self, characters: _Set) -> _Piece:
        self._sets.append(_in_both_cases(characters) if self._ignore_case else characters)
        state = len(self._sets) - 1
        return _Piece([state], [state], empty=False)

    def _joined(self, before: _Piece, after: _Piece) -> _Piece:
        self._follow.update(product(before.last, after.first))
        return _Piece(
            before.first + after.first if before.empty else before.first,
            before.last + after.last if after.empty else after.last,
            before.empty and after.empty,
        )

    def _either(self, pieces: Iterable[_Piece]) -> _Piece:
        whole = _Piece(empty=False)
        for piece in pieces:
            whole.first += piece.first
            whole.last += piece.last
            whole.empty |= piece.empty
        return whole

    def _repeat(self, least: int, most: Any, body: Any, times: int) -> _Piece:
        number = _FEW + 1 if most is _parser.MAXREPEAT else int(most)
        piece = self.add(body, times * max(number, 1))
        # A fixed number of single characters can be matched in one way only.
        is_fixed = least == most and len(body) == 1 and len(piece.first) == 1 and str(body[0][0]) != "SUBPATTERN"
        if number > 1 and times * number > _FEW and not is_fixed:
            self._follow.update(product(piece.last, piece.first))
        return _Piece(piece.first, piece.last, piece.empty or least == 0)

    def _part(self, items: Any) -> tuple[_Piece, _Set]:
        """What is inside, as it is matched by itself, and all characters of it."""
        inside = _Automaton(ignore_case=self._ignore_case)
        piece = inside.add(items)
        self._apart.append(inside)
        return piece, inside.characters

    @property
    def characters(self) -> _Set:
        """All characters that occur."""
        return tuple(span for characters in self._sets for span in characters)

    def _closed(self, items: Any) -> _Piece:
        piece, characters = self._part(items)
        state = self._state(characters)
        return _Piece(state.first, state.last, piece.empty)

    def is_ambiguous(self) -> bool:
        """Whether some text can be matched in ever more ways."""
        return any(part.is_ambiguous() for part in self._apart) or any(map(self._doubles, self._loops()))

    def _loops(self) -> Iterator[list[int]]:
        """The states that can be reached from each other."""
        edges: dict[int, list[int]] = {}
        for before, after in self._follow:
            edges.setdefault(before, []).append(after)
        for component in _components(range(len(self._sets)), edges):
            if len(component) > 1 or (component[0], component[0]) in self._follow:
                yield component

    def _doubles(self, loop: list[int]) -> bool:
        if len(loop) > _MAX_STATES:
            return True
        inside = set(loop)
        edges: dict[int, list[int]] = {state: [] for state in loop}
        for (before, after), ways in self._follow.items():
            if before in inside and after in inside:
                if ways > 1:
                    return True
                edges[before].append(after)
        # Two walkers who read the same text: part from each other, and meet again.
        pairs: dict[_Pair, list[_Pair]] = {}
        waiting: list[_Pair] = [(state, state) for state in loop]
        while waiting:
            pair = waiting.pop()
            if pair in pairs:
                continue
            pairs[pair] = [
                (one, other)
                for one, other in product(edges[pair[0]], edges[pair[1]])
                if one == other or _meet(self._sets[one], self._sets[other])
            ]
            waiting.extend(pairs[pair])
        for component in _components(pairs, pairs):
            met = {one == other for one, other in component}
            if len(met) > 1:
                return True
        return False


def _set(operation: str, argument: Any) -> _Set:
    """The characters that a single item matches; a little more where it is not worth the trouble."""
    match operation:
        case "LITERAL":
            return ((argument, argument),)
        case "NOT_LITERAL":
            return _complement(((argument, argument),))
        case "ANY":
            return _complement(((10, 10),))
    spans: list[_Span] = []
    negative = False
    for kind, value in argument:
        match str(kind):
            case "NEGATE":
                negative = True
            case "LITERAL":
                spans.append((value, value))
            case "RANGE":
                spans.append(value)
            case "CATEGORY":
                name = str(value)
                known = _CATEGORIES[name.replace("_NOT", "")]
                spans.extend(_complement(known) if "_NOT" in name else known)
    return _complement(spans) if negative else tuple(spans)


def _in_both_cases(characters: _Set) -> _Set:
    other = []
    for low, high in characters:
        for first, last, shift in ((65, 90, 32), (97, 122, -32)):
            if low <= last and first <= high:
                other.append((max(low, first) + shift, min(high, last) + shift))
    return (*characters, *other)


def _complement(spans: Iterable[_Span]) -> _Set:
    result = []
    start = 0
    for low, high in sorted(spans):
        if low > start:
            result.append((start, low - 1))
        start = max(start, high + 1)
    if start <= _LAST:
        result.append((start, _LAST))
    return tuple(result)


def _meet(one: _Set, other: _Set) -> bool:
    return any(low <= their_high and their_low <= high for low, high in one for their_low, their_high in other)


def _components(nodes: Iterable[N], edges: Mapping[N, Sequence[N]]) -> Iterator[list[N]]:
    """Groups of nodes that can be reached from each other (Tarjan's algorithm, without recursion)."""
    index: dict[N, int] = {}
    low: dict[N, int] = {}
    stack: list[N] = []
    on_stack: set[N] = set()
    for root in nodes:
        if root in index:
            continue
        path: list[tuple[N, Iterator[N]]] = [(root, iter(edges.get(root, ())))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while path:
            node, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == index[node]:
                    component: list[N] = []
                    while not component or component[-1] != node:
                        component.append(stack.pop())
                        on_stack.discard(component[-1])
                    yield component
            elif following not in index:
                index[following] = low[following] = len(index)
                stack.append(following)
                on_stack.add(following)
                path.append((following, iter(edges.get(following, ()))))
            elif following in on_stack:
                low[node] = min(low[node], index[following])
