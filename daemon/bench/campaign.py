"""Which measurements there are, and how one is taken."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import clients
from bench.filters import (
    FILTERS,
    RECIPIENT_DOMAIN,
    WORKS,
    Amavisd,
    Mailcordon,
    MailcordonAlone,
    MailcordonLog,
    MailcordonPolicies,
    MailcordonTls,
)
from bench.messages import KINDS, Mails
from bench.postfix_loop import PostfixLoop
from bench.processes import Program, machine_cpu, wait_until_idle
from bench.surroundings import Clamd, Sink, Spamd

RECIPIENT = f"bob@{RECIPIENT_DOMAIN}"
FEW_CONNECTIONS, MOST_CONNECTIONS = CONCURRENCIES = (4, 32)
PIPELINING, ENCRYPTED = "pipelining", "STARTTLS"
"""Clients; the second one pipelines, too."""
MANY_RECIPIENTS = 200
LOGGED_WORK = "virus"
DISTURBANCE_LIMIT = 0.15
"""Cores that somebody else may use during a run; a run above it is taken again."""
_MOST_RETRIES = 5
_FEWEST_MESSAGES = 24
_WARM_UP_MESSAGES = 8
_MOST_MESSAGES = {"4k": 20_000, "64k": 4_000, "1m": 400}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How thorough to be, and what to leave out."""

    seconds: float = 5.0
    """Aim for one run."""
    runs: int = 3
    works: tuple[str, ...] = WORKS
    kinds: tuple[str, ...] = KINDS
    concurrencies: tuple[int, ...] = CONCURRENCIES
    filters: tuple[str, ...] = tuple(FILTERS)
    limits: bool = True
    loop: bool = True
    tls: bool = True
    """Measure mailcordon as relay with clients that use STARTTLS, too."""
    recipients: bool = True
    """Measure what a message to many recipients with several policies costs, too."""
    scaling: bool = True
    """Measure mailcordon with one worker, too."""
    logged: bool = True
    """Measure what the mail log costs with virus checks, too."""
    patient: bool = True
    """Wait for an idle machine before each run, and take disturbed runs again."""


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of the runs of one measurement."""

    subject: str
    """mailcordon, amavisd-new, or the name of a limit."""
    work: str
    kind: str
    client: str
    concurrency: int
    messages: int
    """In one run."""
    rate: float
    """Messages a second."""
    rates: tuple[float, ...]
    """Of each run."""
    p50_ms: float
    p95_ms: float
    subject_cpu_ms: float
    """CPU milliseconds a message of the subject's own processes."""
    scanner_cpu_ms: float
    """The same of clamd and spamd together."""
    memory_mb: float
    """PSS of the subject's processes at the end of the last run."""
    disturbed: bool
    """Whether another program used the machine in one of the runs."""
    replies: dict[str, int]


def to(recipients: int, work: str) -> str:
    """What a row of so many recipients says of its work."""
    return f"{work}, {recipients} recipient{'s' if recipients > 1 else ''}"


class Campaign:
    """Takes the measurements of a plan one after the other, each on an idle machine."""

    def __init__(self, plan: Plan, directory: Path, say: Say) -> None:
        self._plan = plan
        self._directory = directory
        self._say = say

    def rows(self) -> Iterator[Row]:
        """Every row as soon as it is there."""
        with Clamd(self._room()) as self._clamd, Spamd(self._room()) as self._spamd, Sink(self._room()) as self._sink:
            if self._plan.limits:
                yield from self._limits()
            for work in self._plan.works:
                yield from self._filters(work)
            if self._plan.tls:
                yield from self._encrypted()
            if self._plan.recipients:
                yield from self._recipients()
            if self._plan.scaling:
                yield from self._scaling()
            if self._plan.logged and LOGGED_WORK in self._plan.works:
                yield from self._logged()
            if self._plan.loop:
                yield from self._loops()

    def _limits(self) -> Iterator[Row]:
        for kind in self._plan.kinds:
            for concurrency in self._plan.concurrencies:
                for pipelining in (False, True):
                    talk = clients.smtp(self._sink.port, RECIPIENT, pipelining=pipelining)
                    yield self._take(self._sink, "relay", kind, _client(pipelining), concurrency, talk)
                yield self._take(self._clamd, "virus", kind, "INSTREAM", concurrency, clients.clamd(self._clamd.path))
                yield self._take(self._spamd, "spam", kind, "SYMBOLS", concurrency, clients.spamd(self._spamd.path))

    def _filters(self, work: str) -> Iterator[Row]:
        # The filters take turns, so that both meet the machine in the same mood.
        for kind in self._plan.kinds:
            for name in self._plan.filters:
                with self._filter(FILTERS[name], work, self._sink.port) as subject:
                    for concurrency in self._plan.concurrencies:
                        for pipelining in (False, True):
                            talk = clients.smtp(subject.port, RECIPIENT, pipelining=pipelining)
                            yield self._take(subject, work, kind, _client(pipelining), concurrency, talk)

    def _encrypted(self) -> Iterator[Row]:
        """To be compared with the rows of the pipelining client in the clear; what it costs grows with the octets."""
        for kind in (kind for kind in self._plan.kinds if kind != KINDS[0]):
            with self._filter(MailcordonTls, WORKS[0], self._sink.port) as subject:
                talk = clients.smtp(subject.port, RECIPIENT, pipelining=True, starttls=True)
                for concurrency in self._plan.concurrencies:
                    yield self._take(subject, WORKS[0], kind, ENCRYPTED, concurrency, talk)

    def _recipients(self) -> Iterator[Row]:
        for work in self._plan.works:
            with self._filter(MailcordonPolicies, work, self._sink.port) as subject:
                for number in (1, MANY_RECIPIENTS):
                    talk = clients.smtp(subject.port, *MailcordonPolicies.recipients(number), pipelining=True)
                    yield self._take(subject, to(number, work), KINDS[0], _client(True), FEW_CONNECTIONS, talk)

    def _scaling(self) -> Iterator[Row]:
        for work in self._plan.works:
            with self._filter(MailcordonAlone, work, self._sink.port) as subject:
                talk = clients.smtp(subject.port, RECIPIENT, pipelining=True)
                yield self._take(subject, work, "4k", _client(True), MOST_CONNECTIONS, talk)

    def _logged(self) -> Iterator[Row]:
        """To be compared with the rows of the pipelining client without a mail log."""
        with self._filter(MailcordonLog, LOGGED_WORK, self._sink.port) as subject:
            talk = clients.smtp(subject.port, RECIPIENT, pipelining=True)
            for concurrency in self._plan.concurrencies:
                yield self._take(subject, LOGGED_WORK, KINDS[0], PIPELINING, concurrency, talk)

    def _loops(self) -> Iterator[Row]:
        for work in self._plan.works[1:]:
            for kind in self._plan.kinds:
                for name in self._plan.filters:
                    postfix = PostfixLoop(self._room())
                    with self._filter(FILTERS[name], work, postfix.way_back) as subject:
                        postfix.lead_through(name, subject.port)
                        with postfix:
                            yield self._take_loop(postfix, subject, work, kind)

    def _filter(self, kind: type[Mailcordon | Amavisd], work: str, next_hop: int) -> Mailcordon | Amavisd:
        return kind(self._room(), work, next_hop, self._clamd.path, self._spamd.path)

    def _take(self, subject: Program, work: str, kind: str, client: str, concurrency: int, talk: clients.Talk) -> Row:
        self._say(f"{subject.name}: {work}, {kind}, {client}, {concurrency} at a time")
        mails = Mails(kind, RECIPIENT)
        warm_up = clients.drive(talk, mails.take(max(_WARM_UP_MESSAGES, concurrency)), concurrency)
        number = self._number(kind, warm_up.rate, concurrency)

        def once() -> tuple[clients.Load, float]:
            load = clients.drive(talk, batch, concurrency)
            return load, load.seconds

        runs = []
        for _ in range(self._plan.runs):
            batch = mails.take(number)
            runs.append(self._undisturbed(subject, once))
        return _row(subject, work, kind, client, concurrency, runs)

    def _take_loop(self, postfix: PostfixLoop, subject: Program, work: str, kind: str) -> Row:
        self._say(f"{subject.name}: whole way through Postfix, {work}, {kind}")
        concurrency = FEW_CONNECTIONS
        load, seconds = postfix.measure(kind, 40, concurrency)
        number = self._number(kind, load.messages / seconds, concurrency)
        runs = [
            self._undisturbed(subject, lambda: postfix.measure(kind, number, concurrency), postfix)
            for _ in range(self._plan.runs)
        ]
        return _row(subject, f"loop, {work}", kind, "Postfix", concurrency, runs)

    def _number(self, kind: str, rate: float, concurrency: int) -> int:
        fewest = max(_FEWEST_MESSAGES, 2 * concurrency)
        return max(fewest, min(int(rate * self._plan.seconds), _MOST_MESSAGES[kind]))

    def _undisturbed(
        self, subject: Program, measure: Callable[[], tuple[clients.Load, float]], *also: Program
    ) -> "_Run":
        scanners = [program for program in (self._clamd, self._spamd) if program is not subject]
        involved = {subject, *scanners, self._sink, *also}
        for attempt in range(_MOST_RETRIES):
            idle = not self._plan.patient or wait_until_idle()
            before = {program: program.cpu() for program in involved}
            machine = machine_cpu()
            load, seconds = measure()
            machine = machine_cpu() - machine
            used = {program: program.cpu() - before[program] for program in involved}
            foreign = (machine - sum(used.values()) - load.client_cpu) / seconds
            disturbed = not idle or foreign > DISTURBANCE_LIMIT
            if not (disturbed and self._plan.patient) or attempt == _MOST_RETRIES - 1:
                break
            self._say(f"  somebody else used {foreign:.2f} cores: once more")
            time.sleep(2)
        scanning = sum(used[program] for program in scanners)
        return _Run(load, seconds, used[subject], scanning, subject.memory(), disturbed)

    def _room(self) -> Path:
        room = Path(tempfile.mkdtemp(dir=self._directory))
        room.chmod(0o755)
        return room


@dataclass(frozen=True, slots=True)
class _Run:
    load: clients.Load
    seconds: float
    subject_cpu: float
    scanner_cpu: float
    memory_mb: float
    disturbed: bool


def _client(pipelining: bool) -> str:
    return PIPELINING if pipelining else "lockstep"


def _row(subject: Program, work: str, kind: str, client: str, concurrency: int, runs: list[_Run]) -> Row:
    def median(value: Callable[[_Run], float], digits: int) -> float:
        return round(statistics.median(map(value, runs)), digits)

    return Row(
        subject=subject.name,
        work=work,
        kind=kind,
        client=client,
        concurrency=concurrency,
        messages=runs[0].load.messages,
        rate=median(lambda run: run.load.messages / run.seconds, 1),
        rates=tuple(round(run.load.messages / run.seconds, 1) for run in runs),
        p50_ms=median(lambda run: run.load.latency(0.5) * 1000, 1),
        p95_ms=median(lambda run: run.load.latency(0.95) * 1000, 1),
        subject_cpu_ms=median(lambda run: run.subject_cpu / run.load.messages * 1000, 3),
        scanner_cpu_ms=median(lambda run: run.scanner_cpu / run.load.messages * 1000, 3),
        memory_mb=round(runs[-1].memory_mb, 1),
        disturbed=any(run.disturbed for run in runs),
        replies=dict(runs[-1].load.replies),
    )
