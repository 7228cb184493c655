"""The main log entry (B8.02 to B8.04)."""

import re
from collections.abc import Callable

from mailcordon.mail.category import CLEAN, Category, Destiny, Major
from mailcordon.mail.envelope import Client, Recipient, Session
from mailcordon.mail.finding import Finding, Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.reply import Reply
from mailcordon.mail.verdict import Disposition, Outcome, QuarantineCopy, RecipientOutcome, Verdict
from mailcordon.run.main_log import main_entries

VIRUS = Category(Major.VIRUS)
MESSAGE = b"Message-ID: <m1@sender.example>\r\nSubject: x\r\n\r\nbody\r\n"
CLIENT = Session(client=Client(addr="192.0.2.7", port=55258, ident="A191A192074"))


def item(
    address: str,
    disposition: Disposition,
    *,
    main: Category = CLEAN,
    blocking: Category | None = None,
    local: bool = True,
    score: float | None = None,
    queued_as: str | None = None,
) -> RecipientOutcome:
    verdict = Verdict(
        recipient=Recipient(address),
        is_local=local,
        categories=frozenset({main}),
        main=main,
        blocking=blocking,
        destiny=Destiny.DISCARD if blocking else Destiny.PASS,
        reason="",
        score=score,
    )
    return RecipientOutcome(verdict, disposition, Reply(250, "2.0.0", "Ok"), queued_as)


def entries(mail: Mail, outcome: Outcome, findings: Findings | None = None, *, originating: bool = False) -> list[str]:
    return list(main_entries(mail, findings or Findings(), outcome, originating=originating, milliseconds=291))


def test_passed_clean(make_mail: Callable[..., Mail]) -> None:
    """B8.02: every field, in the documented order."""
    mail = make_mail(MESSAGE, session=CLIENT)
    outcome = Outcome(
        (item("bob@example.test", Disposition.RELAYED, score=-1.0, queued_as="E7985192549"),), Reply(250, "2.0.0", "Ok")
    )
    assert entries(mail, outcome) == [
        f"({mail.log_id}) Passed CLEAN {{RelayedInbound}}, [192.0.2.7]:55258 <alice@sender.example> -> "
        f"<bob@example.test>, Queue-ID: A191A192074, Message-ID: <m1@sender.example>, mail_id: {mail.mail_id}, "
        f"Hits: -1, size: {mail.size}, queued_as: E7985192549, 291 ms"
    ]


def test_blocked_infected(make_mail: Callable[..., Mail]) -> None:
    """B8.03: virus names in the entry; quarantine place before the ids; no queued_as."""
    mail = make_mail(MESSAGE)
    outcome = Outcome(
        (item("bob@example.test", Disposition.DISCARDED, main=VIRUS, blocking=VIRUS),),
        Reply(250, "2.7.0", "Ok, discarded"),
        (QuarantineCopy("f/virus-fyJiAf9ZdiW2", "F"),),
    )
    findings = Findings((Finding(VIRUS, "Eicar-Test-Signature.UNOFFICIAL", "clamd"),))
    (entry,) = entries(mail, outcome, findings)
    assert entry.startswith(
        f"({mail.log_id}) Blocked INFECTED (Eicar-Test-Signature.UNOFFICIAL) {{DiscardedInbound,Quarantined}}, "
        "<alice@sender.example> -> <bob@example.test>, quarantine: f/virus-fyJiAf9ZdiW2, Message-ID: "
    )
    assert "Hits: -, " in entry
    assert "queued_as" not in entry


def test_one_entry_each_for_passed_and_blocked(make_mail: Callable[..., Mail]) -> None:
    """B8.02: recipients with different results stand in different entries."""
    mail = make_mail(MESSAGE)
    outcome = Outcome(
        (
            item("lover@example.test", Disposition.RELAYED, main=VIRUS),
            item("bob@example.test", Disposition.DISCARDED, main=VIRUS, blocking=VIRUS),
            item("eve@example.test", Disposition.DISCARDED, main=VIRUS, blocking=VIRUS),
        ),
        Reply(250, "2.0.0", "Ok"),
    )
    passed, blocked = entries(mail, outcome, Findings((Finding(VIRUS, "V", "clamd"),)))
    assert "Passed INFECTED (V) {RelayedInbound}" in passed
    assert "-> <lover@example.test>, " in passed
    assert "-> <bob@example.test>,<eve@example.test>, " in blocked


def test_directions(make_mail: Callable[..., Mail]) -> None:
    """B8.04: direction from who sent it and whether the recipient is local."""
    mail = make_mail(MESSAGE)

    def action(*, originating: bool, local: bool) -> str:
        outcome = Outcome((item("a@b.test", Disposition.RELAYED, local=local),), Reply(250, "2.0.0", "Ok"))
        (entry,) = entries(mail, outcome, originating=originating)
        found = re.search(r"\{(.*?)\}", entry)
        assert found
        return found.group(1)

    assert action(originating=False, local=True) == "RelayedInbound"
    assert action(originating=True, local=False) == "RelayedOutbound"
    assert action(originating=True, local=True) == "RelayedInternal"
    assert action(originating=False, local=False) == "RelayedOpenRelay"
