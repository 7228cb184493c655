"""What the entries about one message can say (B8.02, B8.09), each fact in the words of amavisd's log.

Whatever a stranger wrote - addresses, fields, names of files and viruses - is one line of printable characters here.
"""

import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mailcordon.config.partition_tag import partition_tag as tag_of_message
from mailcordon.config.partition_tag import shown_tag
from mailcordon.mail.addresses import addresses_in
from mailcordon.mail.category import Category, Major
from mailcordon.mail.finding import Ban, Finding, banned_parts, banning_reason, names_of
from mailcordon.mail.header import HeaderSection
from mailcordon.mail.message import Mail
from mailcordon.mail.score import points_text
from mailcordon.mail.trace import origin_address
from mailcordon.mail.verdict import Disposition, Outcome, RecipientOutcome, highest_category
from mailcordon.pipeline import Inspection
from mailcordon.unpack.parameters import display_name

PASSED = "Passed"
BLOCKED = "Blocked"
DELIVERED = frozenset({Disposition.RELAYED, Disposition.RELAYED_TAGGED, Disposition.ACCEPTED})

_WORDS = {
    Major.CATCHALL: "OTHER",
    Major.CLEAN: "CLEAN",
    Major.MTA: "MTA-BLOCKED",
    Major.OVERSIZED: "OVERSIZED",
    Major.SPAMMY: "SPAMMY",
    Major.SPAM: "SPAM",
}
_MESSAGE_ID_LIMIT = 200
_SUBJECT_LIMIT = 100
_ADDRESSES_LIMIT = 8192
_SAME_SCORE = 0.1
"""Scores of several recipients that differ by less are shown as one."""


@dataclass(slots=True)
class Facts:
    """One message and those recipients that an entry is about: all who got it, all who did not, or one."""

    inspection: Inspection
    outcome: Outcome
    group: Sequence[RecipientOutcome]
    milliseconds: int
    """Time for the message, from the end of its reception on."""
    number: int = 0
    """Number of the recipient from 1, in an entry about one."""

    @property
    def mail(self) -> Mail:
        """The message, with its banks as they were at last."""
        return self.inspection.mail

    @property
    def passed(self) -> bool:
        """Whether these recipients got it."""
        return self.group[0].disposition in DELIVERED

    @property
    def category(self) -> Category:
        """What blocks the mail, else the highest one of it."""
        return highest_category(self.group)

    @property
    def originating(self) -> bool:
        """Whether it comes from our side."""
        return self.mail.session.originating


def one_line(text: str) -> str:
    """Line breaks, control characters and octets that are no text become escapes."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def action(facts: Facts) -> str:
    """`Passed` or `Blocked`."""
    return PASSED if facts.passed else BLOCKED


def category(facts: Facts) -> str:
    """B8.03."""
    of_all = facts.category
    word = _WORDS.get(of_all.major)
    if word is not None:
        return word
    match of_all.major:
        case Major.VIRUS:
            return f"INFECTED ({','.join(virus_names(facts))})"
        case Major.BANNED:
            return f"BANNED ({one_line(banning_reason(_found(facts)))})"
        case Major.UNCHECKED:
            return "UNCHECKED-ENCRYPTED" if of_all.minor else "UNCHECKED"
        case _:
            return f"BAD-HEADER-{of_all.minor}"


def actions(facts: Facts) -> list[str]:
    """B8.04: what was done, with the direction of the mail."""
    originating = facts.originating
    different = {(item.disposition, item.verdict.is_local) for item in facts.group}
    done = sorted(disposition.value + _direction(originating, is_local) for disposition, is_local in different)
    if facts.outcome.quarantine:
        kept = ("Archived" if copy.is_archive else "Quarantined" for copy in facts.outcome.quarantine)
        done.extend(dict.fromkeys(kept))
    return done


def _direction(originating: bool, to_local: bool) -> str:
    if originating:
        return "Internal" if to_local else "Outbound"
    return "Inbound" if to_local else "OpenRelay"


def client_addr(facts: Facts) -> str:
    """As the MTA or, where it says nothing, a Received field tells (B6.13)."""
    client = facts.mail.session.client
    return client.addr or client.claimed_addr or ""


def client_addr_port(facts: Facts) -> str:
    """`[192.0.2.7]:55258`, without what is not known."""
    address = client_addr(facts)
    if not address:
        return ""
    port = facts.mail.session.client.port
    return f"[{address}]:{port}" if port else f"[{address}]"


def origin_addr(facts: Facts) -> str:
    """The public address where it all began, as the Received fields tell."""
    return origin_address(facts.mail.header) or ""


def sender(facts: Facts) -> str:
    """In angle brackets."""
    return f"<{one_line(facts.mail.envelope.sender)}>"


def recipients(facts: Facts) -> list[str]:
    """In angle brackets."""
    return [f"<{one_line(item.verdict.recipient.address)}>" for item in facts.group]


def quarantine(facts: Facts) -> list[str]:
    """Where the copies are (B10.08)."""
    copies = facts.outcome.quarantine
    return [one_line(copy.location) for copy in copies] if copies else []


def queue_id(facts: Facts) -> str:
    """The MTA's own."""
    return one_line(facts.mail.session.client.ident or "")


def message_id(facts: Facts) -> str:
    """As the sender wrote it, its beginning."""
    return _field(facts.mail.header, "Message-ID", _MESSAGE_ID_LIMIT)


def resent_message_id(facts: Facts) -> str:
    """As the sender wrote it, its beginning."""
    return _field(facts.mail.header, "Resent-Message-ID", _MESSAGE_ID_LIMIT)


def user_agent(facts: Facts) -> str:
    """What the sender's program calls itself."""
    header = facts.mail.header
    return _field(header, "User-Agent", _SUBJECT_LIMIT) or _field(header, "X-Mailer", _SUBJECT_LIMIT)


def _field(header: HeaderSection, name: str, limit: int) -> str:
    field = header.first(name)
    return one_line(field.text[:limit]) if field else ""


def subject(facts: Facts, limit: int = _SUBJECT_LIMIT) -> str:
    """Its beginning, decoded."""
    field = facts.mail.header.first("Subject")
    return display_name(field.body.decode("latin-1"))[:limit] if field else ""


def header_addresses(facts: Facts, name: str) -> list[str]:
    """The addresses in the beginning of the field of that name."""
    field = facts.mail.header.first(name)
    return [one_line(address) for address in addresses_in(field.text[:_ADDRESSES_LIMIT])] if field else []


def hits(facts: Facts) -> str:
    """Lowest and highest score of the recipients as `1.5..3`, one number if they agree, `-` without a spam check."""
    scores = [item.verdict.score for item in facts.group if item.verdict.score is not None]
    if not scores:
        return "-"
    lowest, highest = min(scores), max(scores)
    if highest - lowest < _SAME_SCORE:
        return points_text(lowest)
    return f"{points_text(lowest)}..{points_text(highest)}"


def partition_tag(facts: Facts) -> str:
    """Empty where there is none."""
    return shown_tag(tag_of_message(facts.inspection.settings, facts.mail.received_at))


def queued_as(facts: Facts) -> list[str]:
    """Queue ids that the next hop named."""
    return list(dict.fromkeys([item.queued_as for item in facts.group if item.queued_as]))


def virus_names(facts: Facts) -> list[str]:
    """All of them, each once."""
    return [one_line(name) for name in facts.inspection.findings.virus_names]


def _found(facts: Facts) -> tuple[Finding, ...]:
    """What concerns these recipients."""
    return facts.inspection.findings.for_recipients(item.verdict.recipient.address for item in facts.group).found


def banned_names(facts: Facts) -> list[str]:
    """What was banned, in short, each once."""
    return [one_line(name) for name in names_of(Major.BANNED, _found(facts))]


def banned(facts: Facts, what: Callable[[Finding, Ban], str]) -> list[str]:
    """Something about each banned part, each once."""
    told = [one_line(what(finding, finding.ban)) for finding in _found(facts) if finding.ban is not None]
    return list(dict.fromkeys(told))


def bad_header(facts: Facts) -> str:
    """The first fault of the header section."""
    return one_line(next(iter(names_of(Major.BAD_HEADER, facts.inspection.findings.found)), ""))


def points_of_tests(facts: Facts) -> dict[str, float | None]:
    """The tests that hit with their points; soft lists of senders and pen pals for the recipient with most (B9.09)."""
    findings = facts.inspection.findings
    points = max((item.verdict.points for item in facts.group), key=abs)
    bonus = max(item.verdict.pen_pal.bonus if item.verdict.pen_pal else 0.0 for item in facts.group)
    return {
        **dict(findings.spam.tests if findings.spam else ()),
        **dict(findings.points),
        **({"AM.WBL": points} if points else {}),
        **({"AM.PENPAL": -bonus} if bonus else {}),
    }


def tests(facts: Facts) -> list[str]:
    """`NAME=points`."""
    return sorted(
        one_line(name) if points is None else f"{one_line(name)}={points_text(points)}"
        for name, points in points_of_tests(facts).items()
    )


def autolearn(facts: Facts) -> str:
    """What SpamAssassin's Bayes learnt."""
    spam = facts.inspection.findings.spam
    return (spam.autolearn if spam else None) or ""


def rss() -> int:
    """The most memory that the process had; KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _given(value: str | None) -> str:
    return one_line(value or "")


def _level(value: float | None) -> str:
    return "-" if value is None else points_text(value)


def _has(facts: Facts, major: Major, minor: int = 0) -> bool:
    return Category(major, minor) in facts.group[0].verdict.categories


_Variable = Callable[[Facts], object]
VARIABLES: Mapping[str, _Variable] = {
    "action": action,
    "actions": actions,
    "author": lambda facts: header_addresses(facts, "From"),
    "autolearn": autolearn,
    "bad_header": bad_header,
    "banned_names": banned_names,
    "banned_parts": lambda facts: [one_line(parts) for parts in banned_parts(_found(facts))],
    "banned_parts_as_attr": lambda facts: banned(facts, lambda _finding, ban: ban.attributes),
    "banning_rule_comment": lambda facts: banned(facts, lambda _finding, ban: ban.comment),
    "banning_rule_key": lambda facts: banned(facts, lambda _finding, ban: ban.key),
    "banning_rule_rhs": lambda facts: banned(facts, lambda finding, _ban: finding.result),
    "category": category,
    "client_addr": client_addr,
    "client_addr_port": client_addr_port,
    "client_helo": lambda facts: _given(facts.mail.session.client.helo),
    "client_name": lambda facts: _given(facts.mail.session.client.name),
    "client_protocol": lambda facts: _given(facts.mail.session.client.proto),
    "date": lambda facts: facts.mail.received_at.isoformat(timespec="seconds"),
    "hits": hits,
    "log_id": lambda facts: facts.mail.log_id,
    "mail_id": lambda facts: facts.mail.mail_id,
    "message_id": message_id,
    "milliseconds": lambda facts: facts.milliseconds,
    "myhostname": lambda facts: facts.inspection.settings.myhostname,
    "origin_addr": origin_addr,
    "originating": lambda facts: facts.originating,
    "os_fingerprint": lambda facts: facts.inspection.findings.os_fingerprint or "",
    "partition_tag": partition_tag,
    "policy_banks": lambda facts: list(facts.mail.session.policy_banks),
    "protocol": lambda facts: facts.mail.session.protocol,
    "quarantine": quarantine,
    "queue_id": queue_id,
    "queued_as": queued_as,
    "recipients": recipients,
    "resent_message_id": resent_message_id,
    "rss": lambda _facts: rss(),
    "sender": sender,
    "size": lambda facts: facts.mail.size,
    "smtp_reply": lambda facts: one_line(str(facts.group[0].reply)),
    "subject": subject,
    "tests": tests,
    "tls": lambda facts: _given(facts.mail.session.cipher),
    "user_agent": user_agent,
    "virus_names": virus_names,
    # About one recipient
    "above_kill": lambda facts: _has(facts, Major.SPAM),
    "above_tag": lambda facts: _has(facts, Major.CLEAN, 1),
    "above_tag2": lambda facts: _has(facts, Major.SPAMMY),
    "is_local": lambda facts: facts.group[0].verdict.is_local,
    "kill_level": lambda facts: _level(facts.group[0].verdict.kill_level),
    "recipient_number": lambda facts: facts.number,
    "tag2_level": lambda facts: _level(facts.group[0].verdict.tag2_level),
    "tag_level": lambda facts: _level(facts.group[0].verdict.tag_level),
}
"""What templates may name. They are called for those variables only that a template does name."""
