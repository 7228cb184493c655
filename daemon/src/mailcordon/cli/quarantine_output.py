"""How mail in quarantine is shown, to people and to programs; docs/quarantine.md says what each key is."""

from collections.abc import Iterator
from typing import Any

from mailcordon.config.partition_tag import with_tag
from mailcordon.mail.content_code import CONTENT_WORDS, OTHER
from mailcordon.mail.kept import KeptMail, KeptRecipient
from mailcordon.run.log_facts import one_line

_FATES = {"P": "passed", "R": "rejected", "B": "bounced", "D": "discarded", "T": "tempfailed"}
_SHOWN = 3
"""Recipients in a line of the list."""


def as_dict(mail: KeptMail, secret_id: str | None, *, here: bool) -> dict[str, Any]:
    """For JSON."""
    return {
        "mail_id": _text(mail.mail_id),
        "partition_tag": mail.partition_tag or None,
        "release_as": _text(release_name(mail)),
        "secret_id": secret_id,
        "received_at": mail.received_at.isoformat(timespec="seconds"),
        "content": word_of(mail.content),
        "sender": _text(mail.sender),
        "recipients": [_recipient(recipient) for recipient in mail.recipients],
        "subject": _text(mail.subject),
        "from": _text(mail.author),
        "message_id": _text(mail.message_id),
        "score": None if mail.score is None else round(mail.score, 3),
        "size": mail.size,
        "quar_type": mail.quar_type,
        "location": _text(mail.location),
        "here": here,
        "log_id": _text(mail.log_id) or None,
        "client_addr": _text(mail.client_addr) or None,
        "host": _text(mail.host) or None,
    }


def _recipient(recipient: KeptRecipient) -> dict[str, Any]:
    return {
        "address": _text(recipient.address),
        "blocked": recipient.blocked,
        "content": word_of(recipient.content) if recipient.content else None,
        "fate": _FATES.get(recipient.fate),
        "state": recipient.state or None,
        "score": None if recipient.score is None else round(recipient.score, 3),
        "reply": _text(recipient.reply) or None,
    }


def _text(text: str) -> str:
    """Octets that are no UTF-8 become escapes: half a character would make the JSON unreadable for many."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def word_of(content: str) -> str:
    """A contents category for people."""
    return CONTENT_WORDS.get(content, CONTENT_WORDS[OTHER])


def release_name(mail: KeptMail) -> str:
    """What `mailcordon release` takes as MAIL_FILE."""
    if mail.quar_type in ("F", "Z"):
        return mail.location
    return with_tag(mail.mail_id, mail.partition_tag)


def list_line(mail: KeptMail) -> str:
    """One line of the list; nothing in it does anything to a terminal."""
    addresses = [f"<{recipient.address}>" for recipient in mail.recipients[:_SHOWN]]
    if len(mail.recipients) > _SHOWN:
        addresses.append(f"{len(mail.recipients) - _SHOWN} more")
    parts = (
        f"{mail.received_at.astimezone():%Y-%m-%d %H:%M:%S}",
        f"{with_tag(mail.mail_id, mail.partition_tag):<12}",
        f"{word_of(mail.content):<10}",
        f"<{mail.sender}> -> {', '.join(addresses)}",
        mail.subject,
    )
    return one_line("  ".join(parts).rstrip())


def details(mail: KeptMail, secret_id: str | None) -> Iterator[str]:
    """What is known of one mail, a line each."""
    facts = {
        "mail_id": with_tag(mail.mail_id, mail.partition_tag),
        "received": f"{mail.received_at.astimezone():%Y-%m-%d %H:%M:%S %z}",
        "content": word_of(mail.content),
        "sender": f"<{mail.sender}>",
        **{
            f"recipient {number}": _recipient_line(recipient)
            for number, recipient in enumerate(mail.recipients, start=1)
        },
        "subject": mail.subject,
        "from": mail.author,
        "message-id": mail.message_id,
        "score": "" if mail.score is None else f"{mail.score:g}",
        "size": "" if mail.size is None else str(mail.size),
        "kept as": f"{mail.quar_type} {mail.location}",
        "log id": mail.log_id,
        "client": mail.client_addr,
        "host": mail.host,
        "secret_id": secret_id or "",
    }
    width = max(map(len, facts)) + 1
    for name, text in facts.items():
        if text:
            yield one_line(f"{name + ':':<{width}} {text}")


def _recipient_line(recipient: KeptRecipient) -> str:
    facts = [
        _FATES.get(recipient.fate) or ("blocked" if recipient.blocked else "passed"),
        word_of(recipient.content) if recipient.content else "",
        "" if recipient.score is None else f"score {recipient.score:g}",
        f"state {recipient.state}" if recipient.state else "",
        recipient.reply,
    ]
    return f"<{recipient.address}> {', '.join(fact for fact in facts if fact)}"
