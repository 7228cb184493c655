"""The mail log with very many messages: how fast it is written, asked by pen pals, and purged."""

import asyncio
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from bench.processes import START_LIMIT, BenchError, Program, free_port, installed
from mailcordon.config.load import load
from mailcordon.config.sql_source import SqlSource, sql_source
from mailcordon.mail.ids import new_mail_id
from mailcordon.mail.penpal import Question
from mailcordon.store.engine import Databases
from mailcordon.store.migrate import Part, upgrade
from mailcordon.store.partitions import Partitions
from mailcordon.store.penpals import SqlPenPals
from mailcordon.store.purge import Purge
from mailcordon.store.records import Beginning, RecipientRow, Record
from mailcordon.store.retention import DAY, Retention
from mailcordon.store.shape import Shape
from mailcordon.store.statements import Statements
from mailcordon.store.task_queue import BATCH
from mailcordon.store.tasks import Finish, Reserve
from mailcordon.store.transactions import Transactions, lock_for_writing

MESSAGES = 1_000_000
WEEKS = 4
_SENDERS, _RECIPIENTS = 50_000, 5_000
_QUESTIONS = 2_000
_WEEK = 7 * DAY
_ACCOUNT = "postgres"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StoreRow:
    """What was measured on one data base."""

    database: str
    messages: int
    inserts: float
    """Messages a second, in the writer's own transactions of 64, each committed to the disk."""
    penpals_p50_ms: float
    """For the whole question about one recipient, as the daemon asks it."""
    penpals_p95_ms: float
    purged: int
    """Messages of one week that were purged row by row, with recipients and addresses."""
    purge_s: float
    """Seconds for that, half of which the purge leaves to others."""
    drop_s: float | None
    """Seconds for another week that was dropped as a partition; None where there are none."""


def measure(tell: Tell, *, messages: int = MESSAGES) -> list[StoreRow]:
    """SQLite, then PostgreSQL. Raises BenchError."""
    rows = []
    for name, database in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with (
            tempfile.TemporaryDirectory(prefix="mailcordon-bench-store.") as directory,
            database(Path(directory)) as url,
        ):
            tell(f"{name}, {messages:,} messages")
            rows.append(_measured(name, sql_source(url), messages))
    return rows


def show(console: Console, rows: Sequence[StoreRow]) -> None:
    """Print the rows."""
    table = Table(*HEADS, box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*cells(row))
    console.print(table)


HEADS = (
    "mail log",
    "messages",
    "written a second",
    "pen pals p50 ms",
    "p95 ms",
    "messages purged",
    "purge s",
    "drop of a partition s",
)


def cells(row: StoreRow) -> list[str]:
    """The texts of one row."""
    drop = "-" if row.drop_s is None else f"{row.drop_s:.2f}"
    numbers = f"{row.messages:,}", f"{row.inserts:,.0f}", f"{row.penpals_p50_ms:.2f}", f"{row.penpals_p95_ms:.2f}"
    return [row.database, *numbers, f"{row.purged:,}", f"{row.purge_s:.1f}", drop]


def _measured(name: str, source: SqlSource, messages: int) -> StoreRow:
    is_partitioned = source.url.startswith("postgresql")
    now = int(time.time())
    connect = Databases([source], timeout=0).connect
    with connect() as writer, Databases([source], timeout=0, read_only=True).connect() as reader:
        with writer.begin():
            upgrade(writer, Part.LOG, allow_8bit=True, partitioned=is_partitioned)
        tags = [str(week) for week in range(1, WEEKS + 1)] if is_partitioned else ["0"] * WEEKS
        partitions = Partitions(writer) if is_partitioned else None
        if partitions is not None:
            with writer.begin():
                partitions.make(tags)
        seconds = _fill(writer, messages, now, tags)
        _settle(connect())
        times = asyncio.run(_ask(source, reader))
        drop_s = _drop(reader, writer, partitions, tags[0], now) if partitions is not None else None
        # The oldest week that is left.
        weeks = WEEKS - (1 if partitions is None else 2)
        began = time.monotonic()
        run = Purge(reader, writer, _older_than(now - weeks * _WEEK))
        run.old_messages()
        run.addresses()
        purge_s = time.monotonic() - began
    quantiles = statistics.quantiles(times, n=20)
    return StoreRow(
        database=name,
        messages=messages,
        inserts=messages / seconds,
        penpals_p50_ms=1000 * statistics.median(times),
        penpals_p95_ms=1000 * quantiles[-1],
        purged=run.purged.messages,
        purge_s=purge_s,
        drop_s=drop_s,
    )


def _fill(writer: Connection, messages: int, now: int, tags: Sequence[str]) -> float:
    """Write as the daemon does, which reserves a row for each message and finishes it later; gives the seconds."""
    with writer.begin():
        shape = Shape.of(writer)
    work = Transactions(Statements({}), shape, allow_8bit=True, chunk_size=16384, count_retry=lambda: None, id_bits=72)
    chance = random.Random(1)
    began = time.monotonic()
    for start in range(0, messages, BATCH):
        some = [
            _record(chance, now - WEEKS * _WEEK + number * WEEKS * _WEEK // messages, tags[number * WEEKS // messages])
            for number in range(start, min(messages, start + BATCH))
        ]
        for tasks in (
            [Reserve(record.beginning) for record in some],
            [Finish(item, is_reserved=True) for item in some],
        ):
            with writer.begin():
                lock_for_writing(writer)
                work.all(writer, tasks)
    return time.monotonic() - began


def _record(chance: random.Random, received: int, tag: str) -> Record:
    inside, outside = _inside(chance), f"user{chance.randrange(_SENDERS)}@sender{chance.randrange(500)}.example"
    is_outgoing = chance.random() < 0.3
    sender, recipient = (inside, outside) if is_outgoing else (outside, inside)
    beginning = Beginning(
        partition_tag=tag,
        mail_id=new_mail_id(),
        secret_id=new_mail_id(),
        am_id="04711-01",
        time_num=received,
        sender=sender,
        policy="MYNETS",
        client_addr="192.0.2.7",
        size=4096,
        host="gate.example.test",
    )
    row = RecipientRow(
        address=recipient,
        is_local=not is_outgoing,
        content="C",
        ds="P",
        blacklisted=False,
        whitelisted=False,
        bspam_level=1.5,
        smtp_resp="250 2.6.0 Ok, id=04711-01, from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4BdkW2",
    )
    return Record(
        beginning=beginning,
        content="C",
        quar_type=" ",
        quar_loc="",
        dsn_sent="N",
        spam_level=1.5,
        message_id=f"<{chance.getrandbits(64):x}@sender.example>",
        from_addr=f"Somebody <{sender}>",
        subject="Minutes of the meeting",
        originating=is_outgoing,
        recipients=(row,),
    )


def _inside(chance: random.Random) -> str:
    return f"user{chance.randrange(_RECIPIENTS)}@example.test"


def _settle(connection: Connection) -> None:
    """What the server does by itself in the course of four weeks. Closes the connection."""
    with connection.execution_options(isolation_level="AUTOCOMMIT"):
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE")


async def _ask(source: SqlSource, reader: Connection) -> list[float]:
    """Seconds for each question of pen pals, about pairs of which most have written to each other."""
    with reader.begin():
        query = (
            "SELECT sender.email, recipient.email FROM msgs JOIN msgrcpt USING (partition_tag, mail_id)"
            " JOIN maddr AS sender ON sender.id = sid JOIN maddr AS recipient ON recipient.id = rid"
            f" ORDER BY msgs.mail_id LIMIT {_QUESTIONS}"
        )
        pairs = [tuple(map(_text, row)) for row in reader.exec_driver_sql(query)]
    pen_pals = _pen_pals(source)
    times = []
    for number, (writer, correspondent) in enumerate(pairs):
        # Every fourth pair is one of strangers.
        asked = pairs[number - 1][1] if number % 4 == 0 else correspondent
        began = time.perf_counter()
        letters = await pen_pals.letters(Question(asked), [writer], log_id="bench")
        times.append(time.perf_counter() - began)
        if letters is None:
            raise BenchError("the mail log gives no answer about pen pals")
    await pen_pals.close()
    return times


def _pen_pals(source: SqlSource) -> SqlPenPals:
    """As the daemon has them with the packaged settings."""
    with tempfile.TemporaryDirectory() as directory:
        fragment = f'myhostname = "gate.example.test"\nMYHOME = "{directory}"\nstorage_sql_dsn = "{source.url}"\n'
        Path(directory, "50-user.toml").write_text(fragment)
        return SqlPenPals(load((Path(directory),)).settings)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else bytes(value).decode()


def _drop(reader: Connection, writer: Connection, partitions: Partitions, tag: str, now: int) -> float:
    began = time.monotonic()
    run = Purge(reader, writer, _older_than(now - (WEEKS - 1) * _WEEK))
    run.drop_partitions(partitions, [])
    seconds = time.monotonic() - began
    if run.purged.dropped_tags != [tag]:
        raise BenchError(f"not the partition of the oldest week was dropped: {run.purged.dropped_tags}")
    return seconds


def _older_than(received: int) -> Retention:
    return Retention(log=received, copies={"C": received}, other_copies=received, unfinished=received)


@contextmanager
def _sqlite(directory: Path) -> Iterator[str]:
    yield f"sqlite:///{directory}/mail.db"


@contextmanager
def _postgresql(directory: Path) -> Iterator[str]:
    """A server of its own as the distribution configures it, but for places."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs = found[-1] if found else Path(installed("postgres", "postgresql")).parent
    as_account: list[str] = []
    if os.geteuid() == 0:
        as_account = ["setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--clear-groups", "--"]
        shutil.chown(directory, _ACCOUNT, _ACCOUNT)
    data = directory / "data"
    make = [str(programs / "initdb"), "-D", str(data), "-U", _ACCOUNT, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
    subprocess.run([*as_account, *make], check=True, capture_output=True, cwd=directory)
    port = free_port()
    options: dict[str, Any] = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": directory}
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    command = [*as_account, str(programs / "postgres"), "-D", str(data), *arguments]
    with Program("PostgreSQL", command, port, directory / "log"):
        # It takes connections before it answers.
        ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        deadline = time.monotonic() + START_LIMIT
        while subprocess.run(ready, check=False).returncode:
            if time.monotonic() > deadline:
                raise BenchError(f"PostgreSQL does not answer (all it says in {directory / 'log'})")
            time.sleep(0.1)
        yield f"postgresql://{_ACCOUNT}@127.0.0.1:{port}/postgres"
