"""Plugins on a message's way through the rooms (B4.03, B18.09; features 6.09 to 6.11, 7.08, 14.05)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError
from mailcordon.mail.category import Category, Destiny, Major
from mailcordon.mail.envelope import Client, Session
from mailcordon.mail.message import Mail
from mailcordon.mail.signature import Signature
from mailcordon.mail.verdict import Outcome
from mailcordon.pipeline import Inspection, Pipeline
from next_hop import Hop
from samples import eicar, plain, with_attachment
from servers import SIGNATURE, Clamd

from .hooking import hook, write_plugin

MakeMail = Callable[..., Mail]
Process = Callable[[Mail, str], Any]
BANKS = {
    "FIRST": {"spam_kill_level": 1},
    "SECOND": {"spam_kill_level": 2, "bypass_virus_checks": True},
    "OURS": {"originating": True},
}
SCORE = hook("after_checks", "message.add_score('LOCAL_BAD', 20)")
"""Makes spam of it."""
SESSION = Session(protocol="LMTP", client=Client(addr="192.0.2.7", port=4711, ident="4XYZ12"))
TRACE = b"Received: from x (y [192.0.2.7]) by gate.example.test (Postfix) with ESMTP id 4XYZ12; now\r\n"
REPORT = hook(
    "before_send",
    "contact = AbuseContact('abuse@isp.example', networks=('192.0.2.0/24',))",
    "message.send_report(contact, 'abuse', evidence=OwnReceived(), text='enough')",
)


class Gate:
    """A pipeline with plugins between a scanner and a next hop that are real."""

    def __init__(self, make_settings: Callable[..., Settings], directory: Path, hop: Hop, clamd: Clamd) -> None:
        self.hop = hop
        self._directory = directory
        self._make_settings = make_settings
        self._scanners = [{"name": "clamd", "protocol": "clamd", "socket": clamd.path}]

    @contextlib.asynccontextmanager
    async def with_plugins(self, *bodies: str, **overrides: Any) -> AsyncIterator[Pipeline]:
        """The pipeline, closed at the end."""
        sources = [write_plugin(self._directory, body, f"p{number}") for number, body in enumerate(bodies)]
        settings: dict[str, Any] = {
            "plugins": sources,
            "policy_bank": BANKS,
            "av_scanners": self._scanners,
            "spam_scanners": [],
            "bypass_spam_checks": False,
            "bypass_virus_checks": False,
            "forward_method": self.hop.method,
            "notify_method": self.hop.method,
            "local_domains": ["example.test"],
        }
        pipeline = Pipeline(PolicyBanks(self._make_settings(**{**settings, **overrides})))
        try:
            yield pipeline
        finally:
            await pipeline.close()

    async def process(self, mail: Mail, *bodies: str, **overrides: Any) -> tuple[Inspection, Outcome]:
        """One message past plugins."""
        async with self.with_plugins(*bodies, **overrides) as pipeline:
            return await pipeline.process(mail)

    @property
    def reports(self) -> list[bytes]:
        """Abuse reports that the hop took."""
        return [taken.octets for taken in self.hop.taken if taken.mail.startswith("MAIL FROM:<>")]


@pytest.fixture
async def gate(make_settings: Callable[..., Settings], tmp_path: Path, clamd: Clamd) -> AsyncIterator[Gate]:
    """Takes everything."""
    hop = Hop()
    await hop.start()
    yield Gate(make_settings, tmp_path, hop, clamd)
    await hop.stop()


async def test_every_hook_in_order(gate: Gate, make_mail: MakeMail) -> None:
    """B18.09: five points, with what is known at each; notes of a plugin last from one to the next."""
    points = ("message_received", "before_checks", "after_checks", "before_send", "after_send")
    known = "bool(message.policies), bool(message.verdicts), [item.disposition.name for item in message.outcomes]"
    note = "message.notes.setdefault('seen', []).append(({point!r}, {known}))"
    body = "all_notes = []\n" + "".join(
        hook(point, note.format(point=point, known=known), "all_notes[:] = message.notes['seen']") for point in points
    )
    async with gate.with_plugins(body) as pipeline:
        inspection, _ = await pipeline.process(make_mail(plain()))
        assert inspection.hooked is not None
        seen = pipeline._plugins.hooks["after_send"][0].function.__globals__["all_notes"]  # type: ignore[union-attr]
    assert seen == [
        ("message_received", False, False, []),
        ("before_checks", False, False, []),
        ("after_checks", True, False, []),
        ("before_send", True, True, []),
        ("after_send", True, True, ["RELAYED"]),
    ]
    assert len(gate.hop.taken) == 1


async def test_without_plugins(gate: Gate, make_mail: MakeMail) -> None:
    """Nothing of all this is made."""
    inspection, outcome = await gate.process(make_mail(plain()))
    assert inspection.hooked is None
    assert outcome.reply.ok


async def test_plugin_that_cannot_be_loaded(gate: Gate) -> None:
    """No worker starts without a plugin that the administrator wants."""
    with pytest.raises(ConfigError, match="has no hook in it"):
        async with gate.with_plugins("x = 1\n"):
            pass


@pytest.mark.parametrize("point", ["message_received", "before_checks", "after_checks"])
async def test_banks_of_plugins(gate: Gate, make_mail: MakeMail, point: str) -> None:
    """B4.03, features 6.10: banks that plugins load come after the others, and the last one wins."""
    mail = make_mail(plain(), session=Session(policy_banks=("FIRST",)))
    inspection, _ = await gate.process(mail, hook(point, "message.load_policy_banks('SECOND', 'OURS')"))
    assert inspection.mail.session.policy_banks == ("FIRST", "SECOND", "OURS")
    assert inspection.mail.session.originating
    assert inspection.settings.originating
    assert inspection.policies[0].spam_kill_level == 2


async def test_banks_in_order(gate: Gate, make_mail: MakeMail) -> None:
    """B4.03: those of the interface, of the authors, of plugins, of the virus; plugins see what is loaded already."""
    seen = hook(
        "after_checks",
        "assert message.policy_banks == ('FIRST', 'AUTHOR_APPROVED')",
        "assert message.signatures[0].domain == 'sender.example'",
        "message.load_policy_banks('OURS')",
    )
    signature = Signature("sender.example", is_valid=True, key_bits=2048)
    mail = make_mail(plain(eicar()), session=Session(policy_banks=("FIRST",)))
    inspection, _ = await gate.process(
        replace(mail, signatures=(signature,)),
        seen,
        policy_bank={**BANKS, "AUTHOR_APPROVED": {}, "VIRUS": {}},
        author_to_policy_bank={"hash": {"alice@sender.example": "AUTHOR_APPROVED"}},
        virus_name_to_policy_bank={"constant": "VIRUS"},
    )
    assert inspection.mail.session.policy_banks == ("FIRST", "AUTHOR_APPROVED", "OURS", "VIRUS")


@pytest.mark.parametrize(("point", "is_scanned"), [("before_checks", False), ("after_checks", True)])
async def test_bank_decides_what_is_checked(gate: Gate, make_mail: MakeMail, point: str, is_scanned: bool) -> None:
    """Features 10.01: loaded in time, a bank switches a check off for a message; afterwards it was made."""
    body = hook(point, "message.load_policy_banks('SECOND')")
    inspection, _ = await gate.process(make_mail(plain()), body)
    assert inspection.findings.virus_checked is is_scanned


@pytest.mark.parametrize(("point", "is_split"), [("message_received", False), ("before_checks", True)])
async def test_bank_decides_what_is_unpacked(gate: Gate, make_mail: MakeMail, point: str, is_split: bool) -> None:
    """Features 7.08: a bank that is loaded before anything was looked at keeps the parts from being looked for."""
    body = hook(point, "message.load_policy_banks('WHOLE')")
    banks = {"WHOLE": {"bypass_decode_parts": True}}
    inspection, _ = await gate.process(make_mail(with_attachment(b"x")), body, policy_bank=banks)
    assert bool(inspection.root.children) is is_split


async def test_findings_and_points(gate: Gate, make_mail: MakeMail) -> None:
    """Features 6.10: what a plugin finds is judged like anything else."""
    added = hook("message_received", "message.add_finding('BANNED', 'list')", "message.add_score('LOCAL_A', 2)")
    inspection, outcome = await gate.process(make_mail(plain()), added + SCORE)
    (verdict,) = inspection.verdicts
    assert verdict.main == Category(Major.BANNED)
    assert Category(Major.SPAM) in verdict.categories
    assert verdict.score == 22
    assert verdict.destiny is Destiny.DISCARD
    assert outcome.reply.text.endswith("BANNED: list")
    assert gate.hop.taken == []


async def test_scanners_findings_stay(gate: Gate, make_mail: MakeMail) -> None:
    """No mail passes because of a hook: what a scanner found cannot be taken away, whatever is done to the view."""
    cheat = hook(
        "after_checks",
        "message.add_score('LOCAL_GOOD', -100)",
        "message.sender_credible = True",
        "try:",
        "    message.findings.clear()",
        "except AttributeError:",
        "    pass",
        "message._known = None",
    )
    inspection, _ = await gate.process(make_mail(plain(eicar())), cheat)
    assert inspection.findings.virus_names == (SIGNATURE,)
    assert inspection.verdicts[0].destiny is Destiny.DISCARD
    assert gate.hop.taken == []


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["message.sender_credible = 'p0f says so'"], "p0f says so"),
        (["message.sender_credible = 7"], "7"),
        (["message.sender_credible = 'x'", "message.sender_credible = False"], ""),
        (["pass"], ""),
    ],
)
@pytest.mark.parametrize("point", ["message_received", "after_checks", "before_send"])
async def test_sender_credible(
    gate: Gate, make_mail: MakeMail, point: str, statements: Sequence[str], expected: str
) -> None:
    """Features 6.10, 14.05: any true value, as text; it holds when notifications are decided on."""
    inspection, _ = await gate.process(make_mail(plain()), hook(point, *statements))
    assert inspection.findings.sender_credible == expected


async def test_what_the_daemon_thinks_of_the_sender(gate: Gate, make_mail: MakeMail) -> None:
    """Features 14.04, 14.05: a plugin sees it once the checks are done, and may know better."""
    body = hook(
        "after_checks",
        "message.notes['first'] = message.sender_credible",
        "message.sender_credible = ''",
        "message.add_finding('UNCHECKED', message.notes['first'])",
    )
    inspection, _ = await gate.process(make_mail(plain(), session=Session(originating=True)), body)
    assert [finding.name for finding in inspection.findings.found] == ["originating"]
    assert inspection.findings.sender_credible == ""


async def test_report(gate: Gate, make_mail: MakeMail, caplog: pytest.LogCaptureFixture) -> None:
    """Features 6.10, 6.11: spam from a network of the party is reported once, after it was dealt with."""
    caplog.set_level("INFO")
    async with gate.with_plugins(SCORE + REPORT, final_spam_destiny="pass") as pipeline:
        for _ in range(2):
            await pipeline.process(make_mail(TRACE + plain(), session=SESSION))
    (report,) = gate.reports
    assert [taken.mail.split()[1] for taken in gate.hop.taken][:2] == ["FROM:<alice@sender.example>", "FROM:<>"]
    assert b"Feedback-Type: abuse\r\n" in report
    assert b"Source-IP: 192.0.2.7\r\nSource-Port: 4711\r\n" in report
    assert TRACE in report
    assert b'From: "Content-filter at gate.example.test" <postmaster@gate.example.test>\r\n' in report
    assert b" from 192.0.2.7.\r\n\r\nenough\r\n" in report
    assert "(04711-01) abuse report sent to <abuse@isp.example>" in caplog.text
    refusal = "plugin p0: no report to <abuse@isp.example>: abuse@isp.example was reported within the last 21600 s"
    assert refusal in caplog.text


async def test_words_of_a_report(gate: Gate, make_mail: MakeMail, tmp_path: Path) -> None:
    """Features 12.24: the author and the administrator's own template change what is sent."""
    (tmp_path / "l10n" / "en_US").mkdir(parents=True)
    head = "From: {{ hdrfrom }}\nSubject: {{ feedback_type }}: {{ category }} {{ score }}\n\n"
    template = head + "{{ origin }} {{ report_text | join }}\n"
    (tmp_path / "l10n" / "en_US" / "template-report.txt").write_text(template)
    await gate.process(
        make_mail(TRACE + plain(), session=SESSION),
        SCORE + REPORT,
        l10n_directory=str(tmp_path / "l10n"),
        hdrfrom_notify_report="Abuse desk <abuse@example.test>",
    )
    (report,) = gate.reports
    assert b"From: Abuse desk <abuse@example.test>\r\nSubject: abuse: Spam 20\r\n" in report
    assert b"\r\n\r\n192.0.2.7 enough\r\n" in report


@pytest.mark.parametrize(
    ("octets", "bodies", "reason"),
    [
        (TRACE + plain(), [REPORT], "the mail is neither spam nor infected"),
        (plain(), [SCORE + REPORT], "the Received field on top does not name 192.0.2.7"),
    ],
)
async def test_what_is_not_reported(
    gate: Gate,
    make_mail: MakeMail,
    caplog: pytest.LogCaptureFixture,
    octets: bytes,
    bodies: Sequence[str],
    reason: str,
) -> None:
    """Features 6.11: nobody is accused of mail that is none, or on the word of anybody."""
    await gate.process(make_mail(octets, session=SESSION), *bodies)
    assert gate.reports == []
    assert f"plugin p0: no report to <abuse@isp.example>: {reason}" in caplog.text


async def test_report_of_what_is_harmful(gate: Gate, make_mail: MakeMail) -> None:
    """A virus is reported, but not passed on."""
    await gate.process(make_mail(TRACE + plain(eicar()), session=SESSION), REPORT)
    (report,) = gate.reports
    assert eicar() not in report
    assert b"text/rfc822-headers" in report


async def test_report_that_the_hop_refuses(gate: Gate, make_mail: MakeMail, caplog: pytest.LogCaptureFixture) -> None:
    """The mail itself is done; the next one may be reported."""
    gate.hop.answers["RCPT TO:<abuse@isp.example>"] = "450 4.2.1 later"
    async with gate.with_plugins(SCORE + REPORT) as pipeline:
        _, outcome = await pipeline.process(make_mail(TRACE + plain(), session=SESSION))
        assert outcome.reply.ok
        assert "no report to <abuse@isp.example>: 450 4.2.1 from MTA(" in caplog.text
        assert gate.reports == []
        gate.hop.answers.clear()
        await pipeline.process(make_mail(TRACE + plain(), session=SESSION))
    assert len(gate.reports) == 1


async def test_mail_that_comes_again_is_not_reported_yet(gate: Gate, make_mail: MakeMail) -> None:
    """As long as the client keeps the mail it is not done."""
    gate.hop.answers["RCPT TO:<bob@example.test>"] = "450 4.2.1 later"
    async with gate.with_plugins(SCORE + REPORT, final_spam_destiny="pass") as pipeline:
        _, outcome = await pipeline.process(make_mail(TRACE + plain(), session=SESSION))
        assert outcome.reply.temporary
        assert gate.reports == []
        gate.hop.answers.clear()
        await pipeline.process(make_mail(TRACE + plain(), session=SESSION))
    assert len(gate.reports) == 1


async def test_trouble_with_reports_costs_no_mail(
    gate: Gate, make_mail: MakeMail, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Design rule 1: the mail was forwarded, so its client must not hear of anything else."""
    (tmp_path / "db").write_text("in the way")
    mail = make_mail(TRACE + plain(), session=SESSION)
    _, outcome = await gate.process(mail, SCORE + REPORT, final_spam_destiny="pass")
    assert outcome.reply.ok
    assert gate.reports == []
    assert "no report to <abuse@isp.example>: " in caplog.text


async def test_no_time_for_reports(gate: Gate, make_mail: MakeMail, caplog: pytest.LogCaptureFixture) -> None:
    """Design rule 1: no report is begun when the time for the message might end meanwhile."""
    mail = make_mail(TRACE + plain(), session=SESSION)
    late = replace(mail, received_at=mail.received_at - timedelta(seconds=475))
    _, outcome = await gate.process(late, SCORE + REPORT, child_timeout=480, final_spam_destiny="pass")
    assert outcome.reply.ok
    assert gate.reports == []
    assert "no report to <abuse@isp.example>: the time for the message is nearly over" in caplog.text


async def test_many_messages_at_once(gate: Gate, make_mail: MakeMail) -> None:
    """What a plugin asks for one message holds for no other."""
    body = hook("after_checks", "message.sender_credible = message.get_header_field_body('Subject')")
    async with gate.with_plugins(body) as pipeline:
        mails = [make_mail(plain(subject=f"s{number}")) for number in range(30)]
        results = await asyncio.gather(*(pipeline.process(mail) for mail in mails))
    assert [inspection.findings.sender_credible for inspection, _ in results] == [f"s{n}" for n in range(30)]
