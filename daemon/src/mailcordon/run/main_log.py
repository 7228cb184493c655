"""The entries about a message: the main one for delivered and for blocked recipients (B8.02 to B8.04), those about
single recipients (B8.06), and the JSON object (B8.09)."""

import logging
from collections.abc import Iterator
from dataclasses import replace

from mailcordon.config.log_template import LogTemplate
from mailcordon.config.template import CheckedTemplate
from mailcordon.log_levels import DETAIL, NOTICE
from mailcordon.mail.os_fingerprint import system_name
from mailcordon.mail.verdict import Outcome
from mailcordon.pipeline import Inspection
from mailcordon.run import log_facts
from mailcordon.run.by_system import kind_by_system
from mailcordon.run.json_log import log_json
from mailcordon.run.log_facts import DELIVERED, VARIABLES, Facts

log = logging.getLogger(__name__)


def log_message(inspection: Inspection, outcome: Outcome, *, milliseconds: int) -> None:
    """Write everything that the configuration wants to be told of a message that is done with.

    Never raises: by now the mail may be somewhere else already, and its client must not bring it again.
    """
    mail = inspection.mail
    try:
        for entry in main_entries(inspection, outcome, milliseconds=milliseconds):
            log.log(NOTICE, "%s", entry)
        if inspection.settings.log_json and outcome.recipients:
            log_json(Facts(inspection, outcome, outcome.recipients, milliseconds))
        if inspection.findings.os_fingerprint and outcome.recipients and log.isEnabledFor(DETAIL):
            log.log(DETAIL, "(%s) %s", mail.log_id, _fingerprint_entry(inspection, outcome, milliseconds=milliseconds))
        if mail.timing is not None and log.isEnabledFor(DETAIL):
            log.log(DETAIL, "(%s) %s", mail.log_id, mail.timing.report())
    except Exception:
        log.exception("(%s) cannot write the log entry", mail.log_id)


def _fingerprint_entry(inspection: Inspection, outcome: Outcome, *, milliseconds: int) -> str:
    """Client, score, what the message counts as - `x`: as nothing -, its system, and all that p0f says."""
    facts = Facts(inspection, outcome, outcome.recipients, milliseconds)
    fingerprint = inspection.findings.os_fingerprint or ""
    kind = kind_by_system(outcome.recipients) or "x"
    counted = f"{log_facts.hits(facts)} {kind}.{system_name(fingerprint)}"
    return f"OS_fingerprint: {log_facts.client_addr(facts)} {counted} - {fingerprint}"


def main_entries(inspection: Inspection, outcome: Outcome, *, milliseconds: int) -> Iterator[str]:
    """The entries for this message, those about blocked recipients after the others, those about single ones last."""
    settings = inspection.settings
    if not settings.log_templ.is_off:
        delivered = [item for item in outcome.recipients if item.disposition in DELIVERED]
        blocked = (
            [item for item in outcome.recipients if item.disposition not in DELIVERED]
            if len(delivered) < len(outcome.recipients)
            else ()
        )
        for group in (delivered, blocked):
            if group:
                yield from _main(settings.log_templ, Facts(inspection, outcome, group, milliseconds))
    if settings.log_recip_templ.compiled is not None:
        yield from _about_recipients(
            settings.log_recip_templ.compiled,
            Facts(inspection, outcome, outcome.recipients, milliseconds),
        )


def _main(template: LogTemplate, facts: Facts) -> Iterator[str]:
    if template.compiled is None:
        yield f"({facts.mail.log_id}) {short_entry(facts)}"
        return
    try:
        yield from _filled(template.compiled, facts)
    except Exception as error:  # noqa: BLE001 - an expression may raise anything
        log.warning("(%s) log_templ FAILED: %s: %s", facts.mail.log_id, type(error).__name__, error)
        yield f"({facts.mail.log_id}) {short_entry(facts)}"


def _about_recipients(template: CheckedTemplate, facts: Facts) -> Iterator[str]:
    try:
        for number, item in enumerate(facts.outcome.recipients, start=1):
            yield from _filled(template, replace(facts, group=(item,), number=number))
    except Exception as error:  # noqa: BLE001 - an expression may raise anything
        log.warning("(%s) log_recip_templ FAILED: %s: %s", facts.mail.log_id, type(error).__name__, error)


def _filled(template: CheckedTemplate, facts: Facts) -> list[str]:
    """Each line that is not empty is an entry (B8.07)."""
    text = template.template.render({name: VARIABLES[name](facts) for name in template.names})
    return [f"({facts.mail.log_id}) {line.strip()}" for line in text.split("\n") if line.strip()]


def short_entry(facts: Facts) -> str:
    """The main entry in its short form (B8.02). Written out for its speed; docs/log.md has the same as a template."""
    mail = facts.mail
    session = mail.session
    text = f"{log_facts.action(facts)} {log_facts.category(facts)} {{{','.join(log_facts.actions(facts))}}},"
    if session.policy_banks:
        text += f" {'/'.join(session.policy_banks)}"
    if session.originating:
        text += " LOCAL"
    if client := log_facts.client_addr_port(facts):
        text += f" {client}"
    if origin := log_facts.origin_addr(facts):
        text += f" [{origin}]"
    text += f" {log_facts.sender(facts)} -> {','.join(log_facts.recipients(facts))}"
    if quarantine := log_facts.quarantine(facts):
        text += f", quarantine: {quarantine[0]}"
    if queue_id := log_facts.queue_id(facts):
        text += f", Queue-ID: {queue_id}"
    if message_id := log_facts.message_id(facts):
        text += f", Message-ID: {message_id}"
    if resent := log_facts.resent_message_id(facts):
        text += f", Resent-Message-ID: {resent}"
    text += f", mail_id: {mail.mail_id}, Hits: {log_facts.hits(facts)}, size: {mail.size}"
    if tag := log_facts.partition_tag(facts):
        text += f", pt: {tag}"
    if queued_as := log_facts.queued_as(facts):
        text += f", queued_as: {'/'.join(queued_as)}"
    return f"{text}, {facts.milliseconds} ms"
