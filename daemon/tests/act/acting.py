"""Helpers for tests of this room: verdicts made by hand, outgoing mail, a cache that is closed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import fields
from typing import Any

from mailcordon.act.connection_cache import ConnectionCache
from mailcordon.act.dispatch import Actor
from mailcordon.act.edit import EditedMessage
from mailcordon.act.outgoing import Outgoing
from mailcordon.act.session_keeping import SessionKeeping
from mailcordon.act.timeouts import Deadline, Timeouts
from mailcordon.act.tls import TlsContexts
from mailcordon.config.policy import policies_for
from mailcordon.config.settings import Settings
from mailcordon.mail.category import CLEAN, Category, Destiny, Major
from mailcordon.mail.envelope import Client, Envelope, Recipient
from mailcordon.mail.finding import Finding, Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome, Verdict

PATIENT = Timeouts(*[20.0] * len(fields(Timeouts)))
"""No test waits that long, however busy the machine is."""
IMPATIENT = Timeouts(*[0.4] * len(fields(Timeouts)))
"""For hops that keep silent."""
VIRUS = Category(Major.VIRUS)
SPAM = Category(Major.SPAM)
INFECTED = Findings((Finding(VIRUS, "Eicar-Test-Signature", "clamd"),), virus_checked=True)


def passed(address: str | Recipient, **changes: Any) -> Verdict:
    """The mail is to be delivered."""
    recipient = address if isinstance(address, Recipient) else Recipient(address)
    values: dict[str, Any] = {
        "recipient": recipient,
        "is_local": True,
        "categories": frozenset({CLEAN}),
        "main": CLEAN,
        "blocking": None,
        "destiny": Destiny.PASS,
        "reason": "id=04711-01 - CLEAN",
    }
    return Verdict(**{**values, **changes})


def stopped(address: str | Recipient, destiny: Destiny, *, category: Category = VIRUS, **changes: Any) -> Verdict:
    """The mail is blocked."""
    reason = "id=04711-01 - INFECTED: Eicar-Test-Signature" if category == VIRUS else "id=04711-01 - spam"
    values = {
        "categories": frozenset({category}),
        "main": category,
        "blocking": category,
        "destiny": destiny,
        "reason": reason,
    }
    return passed(address, **{**values, **changes})


async def act(
    settings: Settings, mail: Mail, verdicts: Sequence[Verdict], findings: Findings = INFECTED
) -> tuple[Outcome, dict[str, int]]:
    """One message through a new Actor; its outcome and the connection counters."""
    actor = Actor(settings, PATIENT)
    try:
        policies = policies_for(settings, [verdict.recipient for verdict in verdicts])
        outcome = await actor.act(mail, settings, findings, verdicts, policies)
    finally:
        await actor.close()
    return outcome, actor.counters.by_name()


def outgoing(
    octets: bytes = b"Subject: x\r\n\r\nbody\r\n",
    *recipients: str | Recipient,
    sender: str = "alice@sender.example",
    client: Client | None = None,
    **envelope: Any,
) -> Outgoing:
    """Something to send."""
    wanted = tuple(r if isinstance(r, Recipient) else Recipient(r) for r in recipients or ("bob@example.test",))
    return Outgoing(Envelope(sender=sender, recipients=wanted, **envelope), EditedMessage([octets]), client)


def soon() -> Deadline:
    """A deadline that no test reaches."""
    return Deadline(asyncio.get_running_loop().time() + 60, 0)


@contextlib.asynccontextmanager
async def cache(
    *, enabled: bool = True, timeouts: Timeouts = PATIENT, contexts: TlsContexts | None = None
) -> AsyncIterator[ConnectionCache]:
    """A connection cache, closed after the block."""
    keeping = SessionKeeping(enabled=enabled, on_demand=False)
    made = ConnectionCache(keeping, hello_name="localhost", timeouts=timeouts, contexts=contexts)
    try:
        yield made
    finally:
        await made.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another task does."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("waited in vain")
