"""Helpers for tests of log entries: outcomes made by hand, a message with all that the log may tell of it."""

from collections.abc import Callable, Sequence
from typing import Any

from mailcordon.config.policy import policies_for_mail
from mailcordon.config.settings import Settings
from mailcordon.mail.category import CLEAN, Category, Destiny
from mailcordon.mail.envelope import Client, Recipient, Session
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.part import Part
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Disposition, Outcome, QuarantineCopy, RecipientOutcome, Verdict
from mailcordon.pipeline import Inspection
from mailcordon.run.main_log import main_entries

MESSAGE = b"Message-ID: <m1@sender.example>\r\nSubject: x\r\n\r\nbody\r\n"
CLIENT = Session(client=Client(addr="192.0.2.7", port=55258, ident="A191A192074"))
OK = Reply(250, "2.0.0", "Ok")

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]


def item(
    address: str,
    disposition: Disposition,
    *,
    main: Category = CLEAN,
    blocking: Category | None = None,
    local: bool = True,
    queued_as: str | None = None,
    reply: Reply = OK,
    **more: Any,
) -> RecipientOutcome:
    """What became of the mail for one recipient; `more` are further members of the verdict."""
    values: dict[str, Any] = {
        "recipient": Recipient(address),
        "is_local": local,
        "categories": frozenset({main}),
        "main": main,
        "blocking": blocking,
        "destiny": Destiny.DISCARD if blocking else Destiny.PASS,
        "reason": "",
    }
    return RecipientOutcome(Verdict(**{**values, **more}), disposition, reply, queued_as)


def outcome(*recipients: RecipientOutcome, quarantine: Sequence[QuarantineCopy] = ()) -> Outcome:
    """The whole of it."""
    return Outcome(recipients, OK, tuple(quarantine))


def inspected(settings: Settings, mail: Mail, findings: Findings | None = None, root: Part | None = None) -> Inspection:
    """What was found in the message."""
    policies = policies_for_mail(settings, mail)
    whole = root or Part("1", 0, mail.header.body_start, mail.size)
    return Inspection(mail, settings, whole, findings or Findings(), policies, ())


def entries(settings: Settings, mail: Mail, result: Outcome, findings: Findings | None = None) -> list[str]:
    """All entries about the message."""
    return list(main_entries(inspected(settings, mail, findings), result, milliseconds=291))
