"""What plugins see of a message, and what they may ask for (features 6.09, 6.10, 8.11, 14.05)."""

from collections.abc import Callable
from typing import Any

import pytest

from mailcordon.config.policy import policies_for_mail
from mailcordon.config.settings import Settings
from mailcordon.errors import HookError
from mailcordon.hooks import AbuseContact, FeedbackType, Message, OwnReceived
from mailcordon.hooks.view import Known
from mailcordon.hooks.wishes import AddFinding, AddScore, LoadBanks, SendReport, SetCredible, Wish, Wishes
from mailcordon.mail.category import Category, Major
from mailcordon.mail.envelope import Client, Session
from mailcordon.mail.finding import Finding, Findings, SpamScore
from mailcordon.mail.message import Mail
from mailcordon.mail.signature import Signature

MakeMail = Callable[..., Mail]
MakeSettings = Callable[..., Settings]
OCTETS = b"Received: third\r\nX-A: top\r\nreceived: second\r\nX-a: bottom\r\n folded\r\nReceived: first\r\n\r\nx\r\n"
FOUND = Findings(
    (Finding(Category(Major.VIRUS), "Eicar", "clamd"),),
    SpamScore(3.5, (("DKIM_VALID_AU", -0.1), ("HTML", None))),
    signatures=(Signature("sender.example", is_valid=True),),
    os_fingerprint="Windows XP",
)


def seen(mail: Mail, point: str = "after_checks", findings: Findings = FOUND, **known: Any) -> tuple[Message, Wishes]:
    """The message at one point."""
    wishes = Wishes()
    banks = ("WHITELIST", "PARTNER")
    return Message(Known(point, mail, findings, **known), wishes, banks=banks, plugin="ours", notes={}), wishes


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("Received", {}, "first"),
        ("RECEIVED", {"n": 1}, "first"),
        ("Received", {"n": 2}, "second"),
        ("Received", {"n": 3}, "third"),
        ("Received", {"n": 4}, None),
        ("Received", {"from_top": True}, "third"),
        ("Received", {"n": 3, "from_top": True}, "first"),
        ("X-A", {}, "bottom folded"),
        ("Subject", {}, None),
    ],
)
def test_header_fields(make_mail: MakeMail, name: str, arguments: dict[str, Any], expected: str | None) -> None:
    """Features 6.09: the n-th field of a name, from the bottom unless said otherwise."""
    message, _ = seen(make_mail(OCTETS))
    field = message.get_header_field(name, **arguments)
    assert message.get_header_field_body(name, **arguments) == expected
    assert (field and field.text) == expected


def test_header_field_numbers_begin_with_one(make_mail: MakeMail) -> None:
    """A number that no field can have is a mistake, not an absent field."""
    with pytest.raises(HookError, match="number 1"):
        seen(make_mail(OCTETS))[0].get_header_field("Received", 0)


def test_inputs_for_heuristics(make_mail: MakeMail, make_settings: MakeSettings) -> None:
    """Features 8.11, 14.05: tests of SpamAssassin, signatures, fingerprint and policy banks can be read."""
    session = Session(policy_banks=("MYNETS",), originating=True, client=Client(addr="192.0.2.7", name="mx.example"))
    mail = make_mail(OCTETS, session=session)
    policies = policies_for_mail(make_settings(), mail)
    message, _ = seen(mail, policies=policies)
    assert message.spam_tests == {"DKIM_VALID_AU": -0.1, "HTML": None}
    assert message.spam_score == 3.5
    assert message.signatures[0].domain == "sender.example"
    assert message.os_fingerprint == "Windows XP"
    assert message.policy_banks == ("MYNETS",)
    assert message.originating
    assert message.client.addr == "192.0.2.7"
    assert message.envelope.sender == "alice@sender.example"
    assert message.size == len(OCTETS)
    assert message.virus_names == ("Eicar",)
    assert [finding.source for finding in message.findings] == ["clamd"]
    assert message.policies is policies
    assert (message.log_id, message.mail_id, message.received_at) == (mail.log_id, mail.mail_id, mail.received_at)


def test_nothing_known_yet(make_mail: MakeMail) -> None:
    """Before the checks there is nothing to be seen of them."""
    message, _ = seen(make_mail(OCTETS), "message_received", Findings())
    assert message.spam_score is None
    assert message.spam_tests == {}
    assert (message.findings, message.policies, message.verdicts, message.outcomes) == ((), (), (), ())
    assert message.sender_credible == ""


CONTACT = AbuseContact("abuse@bad.example", networks=("192.0.2.0/24",))


def test_wishes(make_mail: MakeMail) -> None:
    """Features 6.10: all that can be asked for, in order."""
    message, wishes = seen(make_mail(OCTETS))
    message.sender_credible = True
    message.load_policy_banks("PARTNER", "WHITELIST")
    message.add_finding("BANNED", "list")
    message.add_score("LOCAL_TEST", -2)
    message.send_report(CONTACT, "never heard of", evidence=OwnReceived())
    message.sender_credible = None
    assert message.policy_banks == ("PARTNER", "WHITELIST")
    expected: tuple[Wish, ...] = (
        SetCredible("True"),
        LoadBanks(("PARTNER", "WHITELIST")),
        AddFinding(Finding(Category(Major.BANNED), "list", "plugin ours")),
        AddScore("LOCAL_TEST", -2.0),
        SendReport(CONTACT, FeedbackType.OTHER, OwnReceived(), ""),
        SetCredible(""),
    )
    assert wishes.seal() == expected


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda message: message.load_policy_banks("WHITELST"), "no policy bank 'WHITELST'; did you mean WHITELIST?"),
        (lambda message: message.load_policy_banks("PARTNER", "?"), r"no policy bank '\?'$"),
        (lambda message: message.add_finding("CLEAN", "x"), "'CLEAN' is not one of VIRUS, BANNED, UNCHECKED, BADH"),
        (lambda message: message.add_finding("VIRUS", " "), "needs a name"),
        (lambda message: message.add_score("A B", 1), "not a name of a test"),
        (lambda message: message.add_score("A", float("nan")), "not a number of points"),
        (lambda message: message.add_score("A", "1"), "not a number of points"),
        (lambda message: message.send_report("abuse@bad.example", "abuse", evidence=OwnReceived()), "AbuseContact"),
        (lambda message: message.send_report(CONTACT, "abuse", evidence="I saw it"), "'I saw it' is no evidence"),
    ],
)
def test_wrong_wishes(make_mail: MakeMail, wrong: Callable[[Message], None], reason: str) -> None:
    """Features 6.11 among others: what is not possible is said at once, and nothing of it stays."""
    message, wishes = seen(make_mail(OCTETS))
    with pytest.raises(HookError, match=reason):
        wrong(message)
    assert wishes.seal() == ()


def test_points_of_no_return(make_mail: MakeMail) -> None:
    """After the judgement it is too late for what it depends on, and after sending for credibility."""
    message, _ = seen(make_mail(OCTETS), "before_send")
    message.sender_credible = "yes"
    too_late: list[Callable[[], None]] = [
        lambda: message.load_policy_banks("PARTNER"),
        lambda: message.add_finding("VIRUS", "x"),
        lambda: message.add_score("A", 1),
    ]
    for wrong in too_late:
        with pytest.raises(HookError, match="comes too late at before_send"):
            wrong()
    message, wishes = seen(make_mail(OCTETS), "after_send")
    with pytest.raises(HookError, match="sender_credible comes too late at after_send"):
        message.sender_credible = "yes"
    message.send_report(CONTACT, "abuse", evidence=OwnReceived())
    assert len(wishes.seal()) == 1
