"""What proves where a message comes from (features 6.11)."""

from collections.abc import Callable
from typing import Any

import pytest

from mailcordon.errors import HookError
from mailcordon.hooks import AbuseContact, FeedbackType, OwnReceived, SignedField
from mailcordon.hooks.evidence import proven
from mailcordon.mail.envelope import Client, Session
from mailcordon.mail.feedback import FeedbackReport
from mailcordon.mail.message import Mail
from mailcordon.mail.signature import Signature

MakeMail = Callable[..., Mail]
ISP = AbuseContact("abuse@isp.example", networks=("192.0.2.0/24", "2001:db8::/32"), domains=("isp.example",))
CLIENT = {"addr": "192.0.2.7", "port": 4711, "ident": "4XYZ12"}
OURS = (
    b"Received: from mx.isp.example (mx.isp.example [192.0.2.7])\r\n\tby gate.example.test (Postfix) with ESMTPS"
    b" id 4XYZ12\r\n\tfor <bob@example.test>; Sun, 22 Nov 2026 12:00:00 +0000\r\n"
)
FORGED = b"Received: from a (b [192.0.2.9]) by gate.example.test (Postfix) with ESMTP id 4XYZ13\r\n"
REST = b"From: alice@isp.example\r\nSubject: one\r\nSubject: two\r\n\r\ntext\r\n"
SIGNATURE = Signature("mail.isp.example", is_valid=True, fields=("from", "subject"))


def report_of(mail: Mail, evidence: Any, contact: AbuseContact = ISP, *signatures: Signature) -> FeedbackReport:
    return proven(mail, signatures, contact, FeedbackType.ABUSE, evidence, "text")


def received(make_mail: MakeMail, octets: bytes, *, originating: bool = False, **client: Any) -> Mail:
    session = Session(originating=originating, client=Client(**{**CLIENT, **client}))
    return make_mail(octets, session=session)


def test_own_received_field(make_mail: MakeMail) -> None:
    """The client that our own MX names in its Received field and by XFORWARD."""
    report = report_of(received(make_mail, OURS + FORGED + REST), OwnReceived())
    expected = FeedbackReport(FeedbackType.ABUSE, "abuse@isp.example", "text", "192.0.2.7", 4711)
    assert report == expected


def test_address_of_ipv6(make_mail: MakeMail) -> None:
    """As Postfix writes it in a Received field."""
    mail = received(make_mail, OURS.replace(b"[192.0.2.7]", b"[IPv6:2001:db8::7]") + REST, addr="2001:db8::7")
    assert report_of(mail, OwnReceived()).source_address == "2001:db8::7"


@pytest.mark.parametrize(
    ("octets", "client", "reason"),
    [
        (OURS + REST, {"addr": None}, "told nothing of the client by XFORWARD"),
        (FORGED + OURS + REST, {}, "does not name 192.0.2.7"),
        (REST, {}, "does not name 192.0.2.7"),
        (OURS + REST, {"ident": "4XYZ1"}, "is not that of 4XYZ1"),
        (OURS + REST, {"originating": True}, "from our own side"),
        (OURS.replace(b"192.0.2.7", b"203.0.113.7") + REST, {"addr": "203.0.113.7"}, "203.0.113.7 is in no network of"),
        (OURS.replace(b"192.0.2.7", b"nonsense") + REST, {"addr": "nonsense"}, "nonsense is in no network of"),
    ],
)
def test_what_own_received_does_not_prove(
    make_mail: MakeMail, octets: bytes, client: dict[str, Any], reason: str
) -> None:
    """A field that anybody may have written, one about somebody else, or a client of another party."""
    with pytest.raises(HookError, match=reason):
        report_of(received(make_mail, octets, **client), OwnReceived())


def test_signed_field(make_mail: MakeMail) -> None:
    """A field that a valid signature covers: fields of one name are covered from the bottom."""
    mail = make_mail(REST)
    report = report_of(mail, SignedField("Mail.ISP.example", "Subject"), ISP, SIGNATURE)
    assert (report.reported_domain, report.source_address) == ("mail.isp.example", None)


@pytest.mark.parametrize(
    ("evidence", "signatures", "contact", "reason"),
    [
        (SignedField("mail.isp.example", "Subject"), (), ISP, "no valid signature"),
        (SignedField("mail.isp.example", "Subject", 2), (SIGNATURE,), ISP, "covers Subject field 2 from the bottom"),
        (SignedField("mail.isp.example", "To"), (SIGNATURE,), ISP, "no valid signature of mail.isp.example covers To"),
        (SignedField("isp.example", "From"), (SIGNATURE,), ISP, "no valid signature of isp.example"),
        (
            SignedField("mail.isp.example", "From"),
            (Signature("mail.isp.example", is_valid=False, fields=("from",)),),
            ISP,
            "no valid signature",
        ),
        (
            SignedField("mail.isp.example", "From"),
            (SIGNATURE,),
            AbuseContact("abuse@p.example", domains=("p.example", "l.isp.example")),
            "mail.isp.example is no domain of abuse@p.example",
        ),
    ],
)
def test_what_signatures_do_not_prove(
    make_mail: MakeMail,
    evidence: SignedField,
    signatures: tuple[Signature, ...],
    contact: AbuseContact,
    reason: str,
) -> None:
    """Fields that are not covered, signatures that are not valid, domains of others."""
    with pytest.raises(HookError, match=reason):
        report_of(make_mail(REST), evidence, contact, *signatures)


def test_signed_field_that_is_not_there(make_mail: MakeMail) -> None:
    """A signature may cover the absence of a field (RFC 6376 5.4.2), which is no evidence of anything."""
    signature = Signature("isp.example", is_valid=True, fields=("from", "to"))
    with pytest.raises(HookError, match="covers To"):
        report_of(make_mail(REST), SignedField("isp.example", "To"), ISP, signature)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: AbuseContact("nobody"), "'nobody' is not a mail address"),
        (lambda: AbuseContact("a@b>\r\nRCPT TO:<x@y"), "is not a mail address"),
        (lambda: AbuseContact("a@b.example", networks=("192.0.2.1/24",)), "has host bits set"),
        (lambda: AbuseContact("a@b.example", domains=("",)), "are no domains"),
        (lambda: SignedField("isp.example", "From", 0), "names no field"),
    ],
)
def test_nonsense(make: Callable[[], object], reason: str) -> None:
    """Refused where the plugin says it."""
    with pytest.raises(HookError, match=reason):
        make()
