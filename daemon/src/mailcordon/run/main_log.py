"""The main log entry, one for delivered and one for blocked recipients (B8.02 to B8.04)."""

from collections.abc import Iterator, Sequence

from mailcordon.mail.category import Category, Major
from mailcordon.mail.finding import Findings, names_of
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.message import Mail
from mailcordon.mail.score import points_text
from mailcordon.mail.verdict import Disposition, Outcome, RecipientOutcome

_DELIVERED = frozenset({Disposition.RELAYED, Disposition.RELAYED_TAGGED, Disposition.ACCEPTED})
_WORDS = {
    Major.CATCHALL: "OTHER",
    Major.CLEAN: "CLEAN",
    Major.MTA: "MTA-BLOCKED",
    Major.OVERSIZED: "OVERSIZED",
    Major.SPAMMY: "SPAMMY",
    Major.SPAM: "SPAM",
}
_MESSAGE_ID_LIMIT = 200


def main_entries(
    mail: Mail, findings: Findings, outcome: Outcome, *, originating: bool, milliseconds: int
) -> Iterator[str]:
    """The entries for this message, blocked recipients after the others."""
    delivered = [item for item in outcome.recipients if item.disposition in _DELIVERED]
    blocked = [item for item in outcome.recipients if item.disposition not in _DELIVERED]
    for word, group in (("Passed", delivered), ("Blocked", blocked)):
        if group:
            yield f"({mail.log_id}) {word} " + _entry(mail, findings, outcome, group, originating, milliseconds)


def _entry(
    mail: Mail,
    findings: Findings,
    outcome: Outcome,
    group: Sequence[RecipientOutcome],
    originating: bool,
    milliseconds: int,
) -> str:
    recipients = ",".join(f"<{item.verdict.recipient.address}>" for item in group)
    client = mail.session.client
    head = [
        _category_words(max(_category(item) for item in group), findings),
        "{" + ",".join(_actions(outcome, group, originating)) + "},",
    ]
    if originating:
        head.append("LOCAL")
    if client.addr:
        head.append(f"[{client.addr}]" + (f":{client.port}" if client.port else ""))
    head.append(f"<{mail.envelope.sender}> -> {recipients}")
    facts = [
        *(f"quarantine: {copy.location}" for copy in outcome.quarantine[:1]),
        *_if_known("Queue-ID", client.ident),
        *_if_known("Message-ID", _message_id(mail.header, "Message-ID")),
        *_if_known("Resent-Message-ID", _message_id(mail.header, "Resent-Message-ID")),
        f"mail_id: {mail.mail_id}",
        f"Hits: {_hits(group)}",
        f"size: {mail.size}",
        *_if_known("queued_as", "/".join(dict.fromkeys(item.queued_as for item in group if item.queued_as))),
        f"{milliseconds} ms",
    ]
    return " ".join(head) + ", " + ", ".join(facts)


def _category(item: RecipientOutcome) -> Category:
    return item.verdict.blocking or item.verdict.main


def _category_words(category: Category, findings: Findings) -> str:
    match category.major:
        case Major.VIRUS:
            return f"INFECTED ({','.join(findings.virus_names)})"
        case Major.BANNED:
            return f"BANNED ({','.join(names_of(Major.BANNED, findings.found))})"
        case Major.UNCHECKED:
            return "UNCHECKED-ENCRYPTED" if category.minor else "UNCHECKED"
        case Major.BAD_HEADER:
            return f"BAD-HEADER-{category.minor}"
        case major:
            return _WORDS[major]


def _actions(outcome: Outcome, group: Sequence[RecipientOutcome], originating: bool) -> list[str]:
    words = [item.disposition.value + _direction(originating, item.verdict.is_local) for item in group]
    return [*dict.fromkeys(words), *(["Quarantined"] if outcome.quarantine else [])]


def _direction(originating: bool, to_local: bool) -> str:
    if originating:
        return "Internal" if to_local else "Outbound"
    return "Inbound" if to_local else "OpenRelay"


def _hits(group: Sequence[RecipientOutcome]) -> str:
    """Lowest and highest score of the recipients as `1.5..3`, one number if they agree, `-` without a spam check."""
    scores = [item.verdict.score for item in group if item.verdict.score is not None]
    if not scores:
        return "-"
    return "..".join(dict.fromkeys(points_text(score) for score in (min(scores), max(scores))))


def _message_id(header: HeaderSection, name: str) -> str | None:
    text = header.text(name)
    return text[:_MESSAGE_ID_LIMIT] if text else None


def _if_known(label: str, value: str | None) -> list[str]:
    return [f"{label}: {value}"] if value else []
