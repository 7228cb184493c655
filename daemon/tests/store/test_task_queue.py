"""What the writer is given, and when: nothing is lost, and nobody who waits is kept waiting for company."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from storing import MakeSettings, outcome, running, sql_settings, until

from databases import make_database
from mailcordon.mail.finding import Findings
from mailcordon.store.migrate import Part
from mailcordon.store.records import Beginning
from mailcordon.store.task_queue import BATCH, Signal, TaskQueue
from mailcordon.store.tasks import Abandon, Keep, Reserve

LONG = 600.0
"""Seconds that nothing takes here."""


def beginning(number: int = 0) -> Beginning:
    """Of some message."""
    return Beginning("0", f"id{number}", "secret", "1-1", 0, "a@b.example", "", "", 1, "gate.example.test")


def patient(number: int = 0) -> Abandon:
    """A task for whose end nobody waits."""
    return Abandon(beginning(number))


def test_tasks_wait_for_company() -> None:
    """Those for which nobody waits are gathered, and come together with the first that somebody waits for."""
    tasks = TaskQueue()
    reserve = Reserve(beginning())
    with ThreadPoolExecutor() as pool:
        taking = pool.submit(tasks.take, LONG)
        tasks.put(reserve)
        tasks.hurry(reserve)
        assert taking.result() == ([reserve], False)
    early = [patient(number) for number in range(3)]
    for task in early:
        tasks.put(task)
    keep = Keep(beginning(), lambda: [b"copy"])
    tasks.put(keep)
    assert tasks.take(LONG) == ([*early, keep], False)


def test_tasks_do_not_wait_for_ever() -> None:
    """Without anybody who waits they come soon, as they were put in, whether the writer had to be woken up or not."""
    tasks = TaskQueue()
    for _ in range(3):
        task = patient()
        with ThreadPoolExecutor() as pool:
            taking = pool.submit(tasks.take, LONG)
            tasks.put(task)
            assert taking.result() == ([task], False)
    assert tasks.take(0.0) == ([], False)


def test_no_more_than_a_transaction_holds() -> None:
    """The rest comes next, and the end last."""
    tasks = TaskQueue()
    many = [patient(number) for number in range(2 * BATCH + 1)]
    for task in many:
        tasks.put(task)
    tasks.put(Signal.LOOK)
    tasks.put(Signal.END)
    assert tasks.take(LONG) == (many[:BATCH], False)
    assert tasks.take(LONG) == (many[BATCH:-1], False)
    assert tasks.take(LONG) == (many[-1:], True)


def test_a_look() -> None:
    """It comes without tasks, too, and does not end anything."""
    tasks = TaskQueue()
    with ThreadPoolExecutor() as pool:
        taking = pool.submit(tasks.take, LONG)
        tasks.put(Signal.LOOK)
        assert taking.result() == ([], False)


def test_nothing_is_lost_between_threads() -> None:
    """Several threads put tasks in, with and without haste, while the writer sleeps, wakes up and works."""
    tasks = TaskQueue()
    taken: list[Any] = []
    is_over = threading.Event()

    def take() -> None:
        is_last = False
        while not is_last:
            some, is_last = tasks.take(LONG)
            taken.extend(some)
        is_over.set()

    def put(thread: int) -> None:
        for number in range(500):
            task = Reserve(beginning(1000 * thread + number))
            tasks.put(task)
            if number % 7 == 0:
                tasks.hurry(task)
            if number % 100 == 0:
                # Long enough for the writer to fall asleep.
                time.sleep(0.05)

    with ThreadPoolExecutor() as pool:
        pool.submit(take)
        for putting in [pool.submit(put, thread) for thread in range(3)]:
            putting.result()
        tasks.put(Signal.END)
        assert is_over.wait(60)
    ids = [task.beginning.mail_id for task in taken]
    assert sorted(ids) == sorted(f"id{1000 * thread + number}" for thread in range(3) for number in range(500))
    for thread in range(3):
        own = [int(name[2:]) for name in ids if int(name[2:]) // 1000 == thread]
        assert own == sorted(own)


async def test_messages_share_a_transaction(
    make_settings: MakeSettings, make_mail: Any, request: pytest.FixtureRequest
) -> None:
    """Who waits for the row of his message has those of the others written as well, and they need not wait."""
    database = make_database("sqlite", request).prepare(Part.LOG)
    settings = sql_settings(make_settings, database)
    async with running(settings) as store:
        mails = [make_mail(b"Subject: s\r\n\r\nbody\r\n") for _ in range(30)]
        places = [store.begin(mail, settings) for mail in mails]
        for mail, place in zip(mails, places, strict=True):
            assert await place.settle(mail) is mail
        for mail, place in zip(mails, places, strict=True):
            place.finish(mail, settings, Findings(), outcome(mail))
        await until(lambda: store.counters.messages == len(mails), "all are written")
        # Sixty tasks in all: the writer may have got to work while they were put in.
        assert store.counters.transactions < 10
    assert database.rows("SELECT count(*) FROM msgs WHERE content = 'C'") == [(30,)]
