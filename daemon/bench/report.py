"""Tables for people, JSON for programs, and how the figures compare."""

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from bench.campaign import CONCURRENCIES, ENCRYPTED, LOGGED_WORK, MANY_RECIPIENTS, MOST_CONNECTIONS, PIPELINING, Row, to
from bench.filters import Amavisd, Mailcordon, MailcordonAlone, MailcordonLog
from bench.splitter import SplitterRow
from bench.store import StoreRow

OWN, PEER = Mailcordon.name, Amavisd.name


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio that we aim at."""

    title: str
    goal: float
    at_least: bool
    """False: the ratio must not exceed the goal."""
    value: float | None
    """None when the plan left out a row that is needed."""

    @property
    def reached(self) -> bool | None:
        """Whether it is; None when it was not measured."""
        if self.value is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal


class Rows:
    """Rows by what they are about."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = {(row.subject, row.work, row.kind, row.client, row.concurrency): row for row in rows}

    def find(self, subject: str, work: str, kind: str, client: str = "lockstep", concurrency: int = 4) -> Row | None:
        """The row, None when it was not measured."""
        return self._rows.get((subject, work, kind, client, concurrency))


def targets(rows: Sequence[Row]) -> list[Target]:
    """Every target with its measured value: our rows against amavisd-new (client in lockstep) and the limits."""
    table = Rows(rows)

    def own(work: str, kind: str, client: str = "lockstep", concurrency: int = 4) -> Row | None:
        return table.find(OWN, work, kind, client, concurrency)

    def peer(work: str, kind: str, client: str = "lockstep") -> Row | None:
        return table.find(PEER, work, kind, client)

    def clamd(kind: str) -> Row | None:
        return table.find("clamd", "virus", kind, "INSTREAM")

    def spamd(kind: str) -> Row | None:
        return table.find("spamd", "spam", kind, "SYMBOLS")

    both = "virus+spam"
    return [
        _target("relay only, 4k: throughput", 10, own("relay", "4k"), peer("relay", "4k"), _rate),
        _target("virus, 4k: throughput", 8, own("virus", "4k"), peer("virus", "4k"), _rate),
        _target(
            "virus, 4k, both pipelining: throughput",
            12,
            own("virus", "4k", "pipelining"),
            peer("virus", "4k", "pipelining"),
            _rate,
        ),
        _target(
            "virus, 4k, pipelining: throughput to amavisd-new in lockstep",
            12,
            own("virus", "4k", "pipelining"),
            peer("virus", "4k"),
            _rate,
        ),
        _target("virus, 4k: daemon CPU", 1 / 12, own("virus", "4k"), peer("virus", "4k"), _cpu, at_least=False),
        _target("virus, 4k: of clamd alone", 0.4, own("virus", "4k"), clamd("4k"), _rate),
        _target("virus, 64k: throughput", 5, own("virus", "64k"), peer("virus", "64k"), _rate),
        _target("virus, 64k: of clamd alone", 0.7, own("virus", "64k"), clamd("64k"), _rate),
        _target("virus, 1m: throughput", 2, own("virus", "1m"), peer("virus", "1m"), _rate),
        _target("virus, 1m: of clamd alone on the raw mail", 1, own("virus", "1m"), clamd("1m"), _rate),
        _target("virus and spam, 4k: throughput", 1.1, own(both, "4k"), peer(both, "4k"), _rate),
        _target("virus and spam, 4k: of spamd alone", 0.95, own(both, "4k"), spamd("4k"), _rate),
        _alone("virus and spam, 4k: our own CPU, ms", 3, own(both, "4k"), _cpu),
        _target(
            "whole way through Postfix, virus, 4k: throughput",
            5,
            table.find(OWN, "loop, virus", "4k", "Postfix"),
            table.find(PEER, "loop, virus", "4k", "Postfix"),
            _rate,
        ),
        _target(
            "virus, 4k: memory of all processes (PSS)",
            0.45,
            own("virus", "4k"),
            peer("virus", "4k"),
            _memory,
            at_least=False,
        ),
        *(
            _target(
                f"{work}, 4k, {MANY_RECIPIENTS} recipients with 3 policies: {word} to that of one",
                3,
                own(to(MANY_RECIPIENTS, work), "4k", "pipelining"),
                own(to(1, work), "4k", "pipelining"),
                figure,
                at_least=False,
            )
            for work in ("virus", both)
            for word, figure in (("time", _time), ("daemon CPU", _cpu))
        ),
        *(
            _alone(f"{work}, 4k, 32 at a time: p95 to p50", 3, own(work, "4k", "lockstep", MOST_CONNECTIONS), _spread)
            for work in ("relay", "virus")
        ),
        *(
            _target(
                f"{work}, 4k, 32 at a time: all workers to one",
                1.8,
                own(work, "4k", "pipelining", MOST_CONNECTIONS),
                table.find(MailcordonAlone.name, work, "4k", "pipelining", MOST_CONNECTIONS),
                _rate,
            )
            for work in ("relay", "virus")
        ),
        *(
            _target(
                f"{LOGGED_WORK}, 4k, {number} at a time: {word} with the mail log to that without",
                goal,
                table.find(MailcordonLog.name, LOGGED_WORK, "4k", PIPELINING, number),
                own(LOGGED_WORK, "4k", PIPELINING, number),
                figure,
                at_least=at_least,
            )
            for number in CONCURRENCIES
            for word, goal, figure, at_least in (
                ("throughput", 0.8, _rate, True),
                ("memory (PSS)", 1.2, _memory, False),
            )
        ),
    ]


def show(console: Console, rows: Sequence[Row]) -> None:
    """Print the rows and the targets."""
    table = Table("subject", "work", "mail", "client", *_NUMBERS, box=None, header_style="bold")
    for column in table.columns[4:]:
        column.justify = "right"
    peers = Rows(rows)
    for row in sorted(rows, key=lambda row: (row.work, row.kind, row.client, row.concurrency, row.subject)):
        ratio = _ratio(row, peers) if row.subject in (OWN, MailcordonLog.name) else ""
        table.add_row(
            row.subject,
            row.work,
            row.kind,
            row.client,
            str(row.concurrency),
            f"{row.rate:,.1f}" + ("?" if row.disturbed else ""),
            ratio,
            f"{row.p50_ms:.1f}",
            f"{row.p95_ms:.1f}",
            f"{row.subject_cpu_ms:.2f}",
            f"{row.scanner_cpu_ms:.2f}",
            f"{row.memory_mb:.0f}",
        )
    console.print(table)
    console.print(
        "? another program used the machine during a run. Ratios of one run count, absolute figures do not.\n"
    )
    goals = Table("target", "goal", "measured", "", box=None, header_style="bold")
    for target in targets(rows):
        value = "not measured" if target.value is None else f"{target.value:.3g}"
        word = {True: "reached", False: "MISSED", None: ""}[target.reached]
        goals.add_row(target.title, f"{'>=' if target.at_least else '<='} {target.goal:.3g}", value, word)
    console.print(goals)


def _ratio(row: Row, rows: Rows) -> str:
    """To amavisd-new, or to the same without encryption or mail log."""
    if row.client == ENCRYPTED or row.subject != OWN:
        plain = rows.find(OWN, row.work, row.kind, PIPELINING, row.concurrency)
        return f"{row.rate / plain.rate:.2f}x plain" if plain else ""
    peer = rows.find(PEER, row.work, row.kind, row.client, row.concurrency)
    return f"{row.rate / peer.rate:.1f}x" if peer else ""


def as_json(rows: Sequence[Row], splitter: Sequence[SplitterRow] = (), store: Sequence[StoreRow] = ()) -> str:
    """Everything, for programs."""
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    goals = [{**asdict(target), "reached": target.reached} for target in targets(rows)]
    return json.dumps(
        {
            "machine": machine,
            "rows": [asdict(row) for row in rows],
            "targets": goals,
            "splitter": [asdict(row) for row in splitter],
            "store": [asdict(row) for row in store],
        },
        indent=2,
    )


_NUMBERS = ("at a time", "mails/s", "ratio", "p50 ms", "p95 ms", "CPU ms", "scanners' CPU ms", "PSS MB")

_Figure = Callable[[Row], float]


def _rate(row: Row) -> float:
    return row.rate


def _time(row: Row) -> float:
    return 1 / row.rate


def _cpu(row: Row) -> float:
    return row.subject_cpu_ms


def _memory(row: Row) -> float:
    return row.memory_mb


def _spread(row: Row) -> float:
    return row.p95_ms / row.p50_ms


def _target(
    title: str, goal: float, row: Row | None, other: Row | None, figure: _Figure, *, at_least: bool = True
) -> Target:
    value = figure(row) / figure(other) if row and other and figure(other) else None
    return Target(title, goal, at_least, value)


def _alone(title: str, goal: float, row: Row | None, figure: _Figure) -> Target:
    return Target(title, goal, at_least=False, value=figure(row) if row else None)
