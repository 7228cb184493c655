"""One JSON object a message, for programs (B8.09): keys and forms of amavisd's structured report, those that are known
here. What is not known is left out. docs/log.md says what each key holds."""

import codecs
import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC
from itertools import islice
from pathlib import Path
from typing import Any

from mailcordon.config.partition_tag import partition_tag
from mailcordon.config.settings import JSON_TO_SYSLOG, Settings
from mailcordon.errors import StartupError
from mailcordon.mail.bulk import is_bulk
from mailcordon.mail.category import Major
from mailcordon.mail.finding import banning_reason
from mailcordon.mail.trace import public_addresses
from mailcordon.mail.verdict import Disposition, DsnSent, RecipientOutcome
from mailcordon.run import log_facts
from mailcordon.run.log import ComplainsSeldom, FileHandler, SyslogHandler, TerminalHandler, open_syslog
from mailcordon.run.log_facts import Facts, one_line
from mailcordon.run.log_queue import logging_to

LIST_LIMIT = 100
"""Addresses, references and names of files that are told; who writes them may write as many as he likes."""
_SUBJECT_LIMIT = 1000
_LOGGER = "mailcordon.json"

_ACTIONS = {
    Disposition.RELAYED: "PASS",
    Disposition.RELAYED_TAGGED: "PASS",
    Disposition.ACCEPTED: "PASS",
    Disposition.DISCARDED: "DISCARD",
    Disposition.BOUNCED: "BOUNCE",
    Disposition.NO_BOUNCE: "BOUNCE",
    Disposition.REJECTED: "REJECT",
    Disposition.TEMP_FAILED: "TEMPFAIL",
}


class _OnlyObjects(logging.Formatter):
    """Objects as they are; what the queue itself has to say, that entries are lost, becomes one."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        return text if record.name == _LOGGER else json.dumps({"type": "mailcordon", "message": text})


class JsonSyslogHandler(SyslogHandler):
    """The object as one datagram, however long, behind the mark by which rsyslog and others know structured data."""

    def lines(self, record: logging.LogRecord) -> Iterator[str]:
        """One line."""
        yield f"@cee: {self.format(record)}"


def make_json_handler(settings: Settings, *, to_terminal: bool) -> ComplainsSeldom | None:
    """The handler that `log_json` asks for, if any. Raises StartupError when it cannot be opened."""
    if not settings.log_json:
        return None
    handler = _opened(settings, to_terminal=to_terminal)
    handler.setFormatter(_OnlyObjects())
    return handler


def _opened(settings: Settings, *, to_terminal: bool) -> ComplainsSeldom:
    if to_terminal:
        return TerminalHandler()
    if settings.log_json == JSON_TO_SYSLOG:
        return open_syslog(settings, JsonSyslogHandler)
    try:
        return FileHandler(Path(settings.log_json), encoding="utf-8")
    except OSError as error:
        raise StartupError(f"log_json: {settings.log_json} cannot be written: {error.strerror}") from None


def check_json_log(settings: Settings, *, to_terminal: bool) -> None:
    """Raise StartupError when `log_json` names a place that cannot be written: workers would find that too late."""
    handler = make_json_handler(settings, to_terminal=to_terminal)
    if handler is not None:
        handler.close()


@contextmanager
def json_logging(settings: Settings, *, to_terminal: bool) -> Iterator[None]:
    """Have objects written where `log_json` says while the context lasts. Raises StartupError."""
    handler = make_json_handler(settings, to_terminal=to_terminal)
    if handler is None:
        yield
        return
    with logging_to(handler, logging.INFO, queued=True, name=_LOGGER):
        yield


def log_json(facts: Facts) -> None:
    """Write the object of a message."""
    logging.getLogger(_LOGGER).info("%s", json.dumps(report(facts), separators=(",", ":")))


def report(facts: Facts) -> dict[str, Any]:
    """What is known of a message and all its recipients."""
    mail, inspection = facts.mail, facts.inspection
    session, client = mail.session, mail.session.client
    outcomes = facts.outcome.recipients
    codes = [str(item.reply.code) for item in outcomes]
    actions = _each_once(_ACTIONS[item.disposition] for item in outcomes)
    addresses = [one_line(item.verdict.recipient.address) for item in outcomes]
    sender = one_line(mail.envelope.sender)
    content_type = facts.category.display_name
    received = mail.received_at.astimezone(UTC)
    milliseconds = received.microsecond // 1000
    scores = [item.verdict.score for item in outcomes if item.verdict.score is not None]
    copies = facts.outcome.quarantine
    return {
        "type": "amavis",
        "host": inspection.settings.myhostname,
        "log_id": mail.log_id,
        "mail_id": mail.mail_id,
        **_if_known(
            src_ip=session.peer_addr,
            dst_ip=session.local_addr,
            dst_port=session.local_port,
            client_ip=log_facts.client_addr(facts),
            client_port=client.port,
            partition=partition_tag(inspection.settings, mail.received_at),
            queue_id=log_facts.queue_id(facts),
        ),
        "protocol": session.protocol,
        **_if_known(attached_file_names=_attached_file_names(facts)),
        "mail_from": sender,
        "rcpt_to": addresses,
        "rcpt_num": len(outcomes),
        "recipients": [_recipient(facts, item) for item in outcomes],
        **_header_facts(facts),
        **_if_known(policy_banks=list(session.policy_banks), ip_trace=public_addresses(mail.header)),
        "size": mail.size,
        "content_type": content_type,
        **_if_known(quarantine=copies[0].location if copies else None, quar_type=copies[0].kind if copies else None),
        **({"spam_score": max(scores)} if scores else {}),
        "dsn_sent": facts.outcome.dsn_sent is DsnSent.SENT,
        "originating": session.originating,
        **_if_known(os_fp=inspection.findings.os_fingerprint),
        "actions_performed": " ".join(log_facts.actions(facts)),
        "checks_performed": " ".join(_checks(facts)),
        **_virus_facts(facts),
        **_test_facts(facts),
        **({"is_bulk": True} if is_bulk(mail.header) else {}),
        "smtp_code": _each_once(codes),
        **_if_known(queued_as=log_facts.queued_as(facts)),
        "action": actions,
        "message": f"{mail.log_id} {','.join(actions)} {content_type} {sender} -> {','.join(addresses)}",
        "time_unix": int(received.timestamp()) + milliseconds / 1000,
        "@timestamp": f"{received:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z",
    }


def _recipient(facts: Facts, item: RecipientOutcome) -> dict[str, Any]:
    verdict = item.verdict
    blocking = verdict.blocking and verdict.blocking.display_name
    main = verdict.main.display_name
    found = facts.inspection.findings.for_recipients([verdict.recipient.address]).found
    return {
        "rcpt_to": one_line(verdict.recipient.address),
        "rcpt_is_local": verdict.is_local,
        "action": _ACTIONS[item.disposition],
        "smtp_response": one_line(str(item.reply)),
        "smtp_code": str(item.reply.code),
        **_if_known(queued_as=item.queued_as),
        **({} if verdict.score is None else {"spam_score": verdict.score}),
        **({"penpals_age": pal.age, "penpals_score": -pal.bonus} if (pal := verdict.pen_pal) else {}),
        **({"blacklisted": True} if verdict.blacklisted else {}),
        **({"whitelisted": True} if verdict.whitelisted else {}),
        **_if_known(ccat_blocking=blocking, ccat_main=main if main != blocking else None),
        **(
            {"banning_reason": one_line(banning_reason(found))}
            if any(category.major is Major.BANNED for category in verdict.categories)
            else {}
        ),
    }


def _header_facts(facts: Facts) -> dict[str, Any]:
    header = facts.mail.header
    subject = log_facts.subject(facts, _SUBJECT_LIMIT)
    sender = log_facts.header_addresses(facts, "Sender")
    references = (header.text("References") or "")[: LIST_LIMIT * LIST_LIMIT].split()[:LIST_LIMIT]
    return _if_known(
        sender=sender[0] if sender else None,
        author=log_facts.header_addresses(facts, "From")[:LIST_LIMIT],
        to_addr=log_facts.header_addresses(facts, "To")[:LIST_LIMIT],
        cc_addr=log_facts.header_addresses(facts, "Cc")[:LIST_LIMIT],
        subject=subject,
        subject_rot13=codecs.encode(subject, "rot13"),
        message_id=log_facts.message_id(facts),
        references=[one_line(reference) for reference in references],
        user_agent=log_facts.user_agent(facts),
    )


def _attached_file_names(facts: Facts) -> list[str]:
    named = (part.names[0] for part in facts.inspection.root.walk() if part.names)
    return [one_line(name) for name in islice(named, LIST_LIMIT)]


def _checks(facts: Facts) -> Iterator[str]:
    """The letters of those that were made: virus, spam, header, banned names, fingerprint."""
    findings = facts.inspection.findings
    if findings.virus_checked:
        yield "V"
    if findings.spam is not None:
        yield "S"
    if not all(policy.bypass_header_checks for policy in facts.inspection.policies):
        yield "H"
    if any(policy.banned and not policy.bypass_banned_checks for policy in facts.inspection.policies):
        yield "B"
    if findings.os_fingerprint:
        yield "F"


def _virus_facts(facts: Facts) -> dict[str, Any]:
    by_scanner: dict[str, list[str]] = {}
    for finding in facts.inspection.findings.found:
        if finding.category.major is Major.VIRUS:
            by_scanner.setdefault(finding.source, []).append(one_line(finding.name))
    return _if_known(virusnames=log_facts.virus_names(facts), av_scan=by_scanner)


def _test_facts(facts: Facts) -> dict[str, Any]:
    points = {one_line(name): value for name, value in log_facts.points_of_tests(facts).items()}
    known = {name: value for name, value in points.items() if value is not None}
    return _if_known(
        tests=sorted(points),
        tests_spam=sorted((name for name in known if known[name] > 0), key=lambda name: -known[name]),
        tests_ham=sorted((name for name in known if known[name] < 0), key=lambda name: known[name]),
    )


def _if_known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _each_once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
