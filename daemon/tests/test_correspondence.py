"""Pen pals and bounces on a message's way through the pipeline (contracts B16.01, B16.02, B16.06; features 11.33)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bounces import BOB, FOREIGN, dsn, message
from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.mail.bounce import BounceOutcome
from mailcordon.mail.category import Category, Major
from mailcordon.mail.message import Mail
from mailcordon.mail.penpal import Letter, Question
from mailcordon.mail.timing import Timing
from mailcordon.pipeline import Inspection, Pipeline
from samples import eicar, plain
from servers import Clamd

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]
ALICE = "alice@sender.example"
OTHERS = b"From: dora@remote.example\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\nx\r\n"
KILLER = {"bypass_spam_checks": False, "spam_scanners": [], "bounce_killer_score": 100}
BONUS = {
    "bypass_spam_checks": False,
    "spam_scanners": [],
    "penpals_bonus_score": 5,
    "local_domains": [".example.test"],
    "score_sender": {"hash": {".": {"hash": {ALICE: 6.5}}}},
}


class Known:
    """Says that everybody has written a minute ago, or that nobody knows, and keeps what it is asked."""

    def __init__(self, *, is_there: bool = True) -> None:
        self._is_there = is_there
        self.asked: list[tuple[Question, tuple[str, ...]]] = []
        self.now = 0

    async def letters(
        self, question: Question, recipients: Sequence[str], *, log_id: str
    ) -> Sequence[Letter | None] | None:
        """See `PenPals`."""
        self.asked.append((question, tuple(recipients)))
        ids = (*question.message_ids, "")
        return [Letter(self.now - 60, "mailid", ids[0]) for _ in recipients] if self._is_there else None

    @property
    def counts(self) -> dict[str, int]:
        """See `PenPals`."""
        return {"PenPalsAttempts": len(self.asked)}


async def inspected(settings: Settings, mail: Mail, known: Known) -> Inspection:
    """The mail on its way through a new pipeline."""
    known.now = int(mail.received_at.timestamp())
    pipeline = Pipeline(PolicyBanks(settings), pen_pals=known)
    try:
        inspection = await pipeline.inspect(mail)
        assert pipeline.counters()["PenPalsAttempts"] == len(known.asked)
    finally:
        await pipeline.close()
    return inspection


async def test_nobody_knows(make_settings: MakeSettings, make_mail: MakeMail, caplog: pytest.LogCaptureFixture) -> None:
    """B16.06: without the data base there is no bonus, and bounces are mail as any other."""
    known = Known(is_there=False)
    mail = await inspected(make_settings(**BONUS), make_mail(plain(), sender=ALICE), known)
    assert (mail.verdicts[0].score, mail.verdicts[0].pen_pal) == (6.5, None)
    caplog.set_level("INFO")
    bounce = await inspected(make_settings(**KILLER), make_mail(dsn(), sender=""), known)
    assert bounce.bounce is BounceOutcome.UNKNOWN
    assert bounce.verdicts[0].blocking is None
    assert "bounce rescued by: pen pals disabled (standard DSN), <> -> " in caplog.text
    assert [question for question, _ in known.asked] == [Question(ALICE), Question("", (FOREIGN,))]


async def test_bonus(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B16.02: for those whom it helps; nobody is asked without need."""
    known = Known()
    everybody = [BOB, "eve@example.test", "carol@remote.example"]
    mail = make_mail(plain(), sender=ALICE, recipients=everybody)
    found = await inspected(make_settings(**BONUS), mail, known)
    assert [verdict.score for verdict in found.verdicts] == [1.5, 1.5, 6.5]
    assert [len(recipients) for _, recipients in known.asked] == [2]
    assert found.bounce is None
    other = await inspected(make_settings(**BONUS), make_mail(OTHERS, sender="dora@remote.example"), known)
    assert other.findings.pen_pals is None
    assert len(known.asked) == 1


async def test_off(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """Features 11.33: 0 is off, whatever comes; a policy bank may switch it on."""
    known = Known(is_there=False)
    off = make_settings(**{**KILLER, "bounce_killer_score": 0})
    found = await inspected(off, make_mail(dsn(), sender=""), known)
    assert (found.bounce, known.asked) == (None, [])
    bank = {"policy_bank": {"KILLER": {"bounce_killer_score": 100}}}
    settings = make_settings(**{**KILLER, "bounce_killer_score": 0}, **bank)
    mail = make_mail(dsn(), sender="")
    with_bank = PolicyBanks(settings).with_more(mail.session, ["KILLER"])
    found = await inspected(settings, make_mail(dsn(), sender="", session=with_bank), known)
    assert found.bounce is BounceOutcome.UNKNOWN


async def test_bounce_for_recipients_of_any_kind(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B16.01: of a bounce everybody is asked, whatever his score is and wherever he is."""
    known = Known()
    everybody = (BOB, "carol@remote.example")
    found = await inspected(make_settings(**KILLER), make_mail(dsn(), sender="", recipients=everybody), known)
    assert known.asked == [(Question("", (FOREIGN,)), everybody)]
    assert found.bounce is BounceOutcome.BY_PEN_PALS
    assert found.findings.points == ()


async def test_infected_mail(make_settings: MakeSettings, make_mail: MakeMail, clamd: Clamd) -> None:
    """B16.01: it is stopped for what it is, and no bounce."""
    scanners: dict[str, Any] = {
        "bypass_virus_checks": False,
        "av_scanners": [{"name": "clamd", "protocol": "clamd", "socket": clamd.path}],
    }
    text = b"Content-Type: text/plain\r\n\r\n" + eicar() + b"\r\n"
    octets = message("multipart/report; report-type=delivery-status", text)
    known = Known()
    found = await inspected(make_settings(**KILLER, **scanners), make_mail(octets, sender=""), known)
    assert found.verdicts[0].blocking == Category(Major.VIRUS)
    assert (found.bounce, known.asked) == (BounceOutcome.NONE, [])


async def test_time(make_settings: MakeSettings, make_mail: MakeMail) -> None:
    """B17.05: the time for the question is taken; without one there is none."""

    async def sections(octets: bytes, sender: str) -> list[str]:
        mail = make_mail(octets, sender=sender)
        timing = Timing()
        await inspected(make_settings(**BONUS), replace(mail, timing=timing), Known())
        return [name for name, _, _ in timing.sections]

    assert "penpals" in await sections(plain(), ALICE)
    assert "penpals" not in await sections(OTHERS, "dora@remote.example")
