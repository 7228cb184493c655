"""The order in which a message walks through the rooms; nothing else knows it.

receive -> unpack -> check -> judge -> act -> reply
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mailcordon.act.dispatch import Actor
from mailcordon.check.base import ScannerState
from mailcordon.check.registry import Checks
from mailcordon.config.author_banks import author_banks, virus_banks
from mailcordon.config.field_lookup import fields_of_recipients
from mailcordon.config.policy import Policy, policies_for_mail
from mailcordon.config.policy_banks import PolicyBanks, Regime
from mailcordon.config.recipient_fields import FieldProvider
from mailcordon.config.sender_rating import NEUTRAL
from mailcordon.config.settings import Settings
from mailcordon.correspondence import look_into
from mailcordon.errors import QuarantineError
from mailcordon.hooks.plugins import HookedMail, Plugins
from mailcordon.judge.judge import judge
from mailcordon.judge.virus_scores import with_virus_scores
from mailcordon.log_levels import NOTICE
from mailcordon.mail.bounce import BounceOutcome
from mailcordon.mail.category import OVER_LIMITS
from mailcordon.mail.credibility import credibility
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.mail.penpal import PenPals
from mailcordon.mail.release import ReleaseRequest
from mailcordon.mail.reply import Reply
from mailcordon.mail.score import points_text
from mailcordon.mail.verdict import Outcome, Verdict
from mailcordon.unpack import Limits, Structure, split
from mailcordon.unpack.unpacker import Unpacked, Unpacker

if TYPE_CHECKING:
    # Loaded where p0f is asked only.
    from mailcordon.check.os_fingerprint import Fingerprints

    # Loaded where there is a data base only: it costs time at start, and memory.
    from mailcordon.store.store import Reservation, Store

log = logging.getLogger(__name__)

UUENCODE = "uue"
"""Type whose decoder opens parts with this transfer encoding (features 7.05)."""
SPLIT_IN_THREAD_FROM = 256 * 1024
"""Octets from which on splitting could hold up the event loop for more than about a millisecond."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything known about a message before anything is done with it."""

    mail: Mail
    """With the session's policy banks as they were at last."""
    settings: Settings
    """Those in force for this message, under its policy banks."""
    root: Part
    findings: Findings
    policies: tuple[Policy, ...]
    verdicts: tuple[Verdict, ...]
    hooked: HookedMail | None = None
    """The message as plugins see it; None without plugins."""
    place: "Reservation | None" = None
    """The message's place in the data base; None without one."""
    decoders: tuple[str, ...] = ()
    """Names of the decoders that opened something, one for each time (B17.05)."""
    bounce: BounceOutcome | None = None
    """What became of it as a bounce; None where nobody has looked (B16.06)."""


class Pipeline:
    """Takes messages through all rooms; one instance a worker, any number of messages at a time."""

    def __init__(
        self,
        banks: PolicyBanks,
        fields: FieldProvider | None = None,
        store: "Store | None" = None,
        pen_pals: PenPals | None = None,
    ) -> None:
        """`fields`: a data base that knows settings of recipients (B3.02); `store`: one that keeps the mail log;
        `pen_pals`: one that knows from it who has written to whom (B16.01)."""
        self._banks = banks
        self._fields = fields
        self._unpacker = Unpacker(banks.base)
        self._store = store
        self._pen_pals = pen_pals
        self._checks = Checks(banks.base)
        self._fingerprints = _fingerprints(banks.base)
        self._actor = Actor(banks.base)
        self._plugins = Plugins.of(banks)

    async def inspect(self, mail: Mail) -> Inspection:
        """Unpack, check and judge. Raises ScannerError when no scanner gives a verdict and that is fatal."""
        mail = self._under(mail, author_banks(self._banks.of(mail.session), mail))
        hooked = self._plugins.meet(mail) if self._plugins else None
        if hooked:
            mail = await hooked.message_received()
        settings = self._banks.of(mail.session)
        place = self._store.begin(mail, settings) if self._store else None
        try:
            return await self._inspect(mail, settings, hooked, place)
        except BaseException:
            if place:
                place.abandon()
            raise

    async def _inspect(
        self, mail: Mail, settings: Settings, hooked: HookedMail | None, place: "Reservation | None"
    ) -> Inspection:
        structure = await self._structure(mail, settings)
        mail.lap("unpack")
        if hooked:
            mail = await hooked.before_checks(structure.findings)
            settings = self._banks.of(mail.session)
            mail.lap("plugins")
        fingerprint = self._fingerprints.ask(mail, settings) if self._fingerprints else None
        try:
            fields = await fields_of_recipients(self._fields, settings, mail) if self._fields else ()
            policies = policies_for_mail(settings, mail, fields)
            _log_listed_senders(mail, policies)
            unpacked = await self._unpacked(mail, structure, settings, policies)
            structure.root.is_doubtful = bool(structure.findings or unpacked.findings)
            mail.lap("parts_decode")
            try:
                findings = await self._checks.run(mail, structure.root, policies, fingerprint)
            finally:
                await unpacked.close()
        finally:
            if fingerprint:
                fingerprint.cancel()
        mail.lap("check")
        credible = credibility(mail, findings)
        if structure.findings or unpacked.findings or mail.signatures or credible:
            findings = replace(
                findings,
                found=(*structure.findings, *unpacked.findings, *findings.found),
                signatures=(*mail.signatures, *findings.signatures),
                sender_credible=credible,
            )
        if hooked:
            mail, findings = await hooked.after_checks(findings, policies)
            settings = self._banks.of(mail.session)
            policies = policies_for_mail(settings, mail, fields)
            mail.lap("plugins")
        for finding in findings.found:
            if finding.category == OVER_LIMITS:
                log.log(NOTICE, "(%s) NOTICE: HOLD reason: %s", mail.log_id, finding.name)
        if findings.virus_names:
            findings = with_virus_scores(findings, settings)
            banks = virus_banks(settings, findings.virus_names)
            if banks:
                mail = self._under(mail, banks)
                settings = self._banks.of(mail.session)
                policies = policies_for_mail(settings, mail, fields)
        bounce = None
        if self._pen_pals and (settings.penpals_bonus_score or settings.bounce_killer_score):
            known = await look_into(self._pen_pals, mail, structure.root, findings, policies, settings)
            findings, bounce = known.findings, known.bounce
        if place:
            # Not before: the checks need not wait for it. Not later: verdicts name the mail_id.
            mail = await place.settle(mail)
            mail.lap("sql")
        verdicts = judge(mail, findings, policies, settings)
        mail.lap("judge")
        return Inspection(
            mail, settings, structure.root, findings, policies, verdicts, hooked, place, unpacked.decoders, bounce
        )

    async def process(self, mail: Mail) -> tuple[Inspection, Outcome]:
        """The whole way. A 2xx in the outcome means that the mail is safe elsewhere (design rule 1)."""
        inspection = await self.inspect(mail)
        place = inspection.place
        try:
            inspection, outcome = await self._act(inspection)
        except QuarantineError:
            # Nothing has happened. After anything else the unfinished row tells that something may have.
            if place:
                place.abandon()
            raise
        if place:
            place.finish(inspection.mail, inspection.settings, inspection.findings, outcome)
        return inspection, outcome

    async def _act(self, inspection: Inspection) -> tuple[Inspection, Outcome]:
        hooked = inspection.hooked
        if hooked:
            findings = await hooked.before_send(
                inspection.mail, inspection.findings, inspection.policies, inspection.verdicts
            )
            inspection = replace(inspection, findings=findings)
        outcome = await self._actor.act(
            inspection.mail,
            inspection.settings,
            inspection.findings,
            inspection.verdicts,
            inspection.policies,
            inspection.place,
        )
        if hooked:
            await hooked.after_send(
                inspection.settings, inspection.policies, inspection.verdicts, outcome, self._actor.report
            )
        return inspection, outcome

    async def release(self, request: ReleaseRequest, regime: Regime) -> Sequence[Reply]:
        """Send on what is in quarantine, as asked at a socket where `regime` holds; a reply for each recipient."""
        sql = self._store.quarantine_reader if self._store else None
        return await self._actor.release(request, regime, sql)

    async def discover(self) -> Sequence[ScannerState]:
        """Ask every scanner whether it is there; one line about each, and about each decoder, goes to the log
        (features 7.01, 7.02)."""
        await self._unpacker.discover()
        return await self._checks.ready()

    def counters(self) -> dict[str, float]:
        """What the rooms have counted themselves, by the names of B17.03 and B17.05."""
        counted: dict[str, float] = {**self._actor.counters.by_name(), **self._checks.counters()}
        if self._store:
            counted["GenMailIdRetries"] = self._store.counters.gen_mail_id_retries
        if self._pen_pals:
            counted |= self._pen_pals.counts
        return counted

    async def close(self) -> None:
        """End the decoder processes and give up the connections to scanners and next hops."""
        await self._unpacker.close()
        await self._checks.close()
        await self._actor.close()

    def _under(self, mail: Mail, banks: Sequence[str]) -> Mail:
        return replace(mail, session=self._banks.with_more(mail.session, banks)) if banks else mail

    async def _structure(self, mail: Mail, settings: Settings) -> Structure:
        if settings.bypass_decode_parts:
            return Structure(Part("1", 0, mail.header.body_start, mail.size), ())
        view = mail.content.view()
        limits = Limits(parts=settings.MAXFILES, uuencode=settings.decoders.get(UUENCODE, False))
        if mail.size < SPLIT_IN_THREAD_FROM:
            return split(view, limits)
        return await asyncio.to_thread(split, view, limits)

    async def _unpacked(
        self, mail: Mail, structure: Structure, settings: Settings, policies: Sequence[Policy]
    ) -> Unpacked:
        if not self._unpacker.is_wanted(settings, policies):
            return Unpacked()
        return await self._unpacker.unpack(mail, structure.root, settings)


def _fingerprints(settings: Settings) -> "Fingerprints | None":
    if not settings.asks_for_fingerprints:
        return None
    from mailcordon.check.os_fingerprint import Fingerprints

    return Fingerprints(timeout_seconds=settings.os_fingerprint_timeout)


def _log_listed_senders(mail: Mail, policies: Sequence[Policy]) -> None:
    """What each recipient's lists say of the sender, where they say anything (B8.08, features 8.06)."""
    for recipient, policy in zip(mail.envelope.recipients, policies, strict=True):
        rating = policy.sender
        if rating is NEUTRAL:
            continue
        words = [word for word in ("whitelisted", "blacklisted") if getattr(rating, word)]
        if rating.points:
            words.append(f"soft-{'black' if rating.points > 0 else 'white'}listed ({points_text(rating.points)})")
        for word in words:
            log.info("(%s) wbl: %s sender <%s> => <%s>", mail.log_id, word, mail.envelope.sender, recipient.address)
