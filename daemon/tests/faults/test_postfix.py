"""Real Postfix on both sides of the filter, which breaks while the queue runs through it."""

import asyncio
import os
import signal
import smtplib
import threading
from itertools import cycle
from pathlib import Path

import pytest

from bench.postfix_loop import RECIPIENT, PostfixLoop
from end_to_end.daemon import Daemon, wait_until
from faults.ledger import Kind, Ledger
from faults.sink import Sink
from servers import Clamd

LEAST_MESSAGES = 300
IN_FLIGHT = 40
"""Messages that all workers together may have in their hands when they die: each may come once more."""
RETRY_SOON = "queue_run_delay = 1s\nminimal_backoff_time = 1s\nmaximal_backoff_time = 2s\n"
PATIENCE = 300
"""Seconds. Postfix leaves a message alone for a minute when it finds it still in the hands of a process of its own."""
MIXTURE = (Kind.CLEAN, Kind.INFECTED, Kind.CLEAN, Kind.BIG)


@pytest.mark.skipif(os.geteuid() != 0, reason="Postfix starts as root only")
async def test_postfix_keeps_what_the_filter_drops(clamd: Clamd, tmp_path: Path) -> None:
    """Issue 4, checklist 21: workers and supervisor killed and the next hop gone under Postfix's own load."""
    ledger = Ledger()
    sink = Sink(ledger)
    await sink.start()
    for path in (tmp_path, *tmp_path.parents):
        if "pytest-of-" in str(path):
            path.chmod(0o755)
    (tmp_path / "postfix").mkdir()
    relay = f"relay_transport = smtp:[127.0.0.1]:{sink.port}\nsmtp_dns_support_level = disabled\n"
    loop = PostfixLoop(tmp_path / "postfix", relay + RETRY_SOON)
    daemon = Daemon(tmp_path / "daemon", clamd.path, loop)
    daemon.configure("45-loop", f'forward_method = "smtp:[127.0.0.1]:{loop.way_back}"')
    loop.lead_through("mailcordon", daemon.port)
    broken = threading.Event()
    try:
        await asyncio.to_thread(daemon.start)
        with loop:
            sending = asyncio.create_task(asyncio.to_thread(_send, loop.port, ledger, broken))
            await asyncio.to_thread(_break, daemon, ledger)
            await sink.stop()
            await asyncio.sleep(1)
            await sink.start()
            broken.set()
            await sending
            await asyncio.to_thread(wait_until, lambda: not loop.queued(), "Postfix's queue is empty", PATIENCE)
    finally:
        broken.set()
        daemon.stop()
        await sink.stop()
    ledger.take_in(daemon.home / "virusmails")
    complaints = [line for line in ledger.wrong() if "replies were lost" not in line]
    assert complaints == []
    duplicates = sum(message.delivered + message.quarantined - 1 for message in ledger.messages)
    assert duplicates <= 2 * IN_FLIGHT, ledger.summary()


def _send(port: int, ledger: Ledger, broken: threading.Event) -> None:
    """Into Postfix's queue, until all that is to be broken is; from then on each is Postfix's to bring."""
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
        for number, kind in enumerate(cycle(MIXTURE)):
            if number >= LEAST_MESSAGES and broken.is_set():
                return
            message = ledger.new(kind)
            client.sendmail("alice@sender.example", [RECIPIENT], message.octets(), ["BODY=8BITMIME"])
            message.acknowledged = True


def _break(daemon: Daemon, ledger: Ledger) -> None:
    """Kill all workers, then the supervisor, each in the middle of the flow."""
    wait_until(lambda: sum(message.delivered for message in ledger.messages) > 20, "mail flows")
    workers = set(daemon.workers())
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(daemon.workers()) == 2 and not workers & set(daemon.workers()), "new workers")
    delivered = sum(message.delivered for message in ledger.messages)
    wait_until(lambda: sum(message.delivered for message in ledger.messages) > delivered + 20, "mail flows again")
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    listening = daemon.log().count("listening on")
    wait_until(lambda: not _port_taken(daemon), "the workers have left the port")
    daemon.launch()
    wait_until(lambda: daemon.log().count("listening on") > listening, "the daemon takes mail again")


def _port_taken(daemon: Daemon) -> bool:
    return f"0100007F:{daemon.port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()
