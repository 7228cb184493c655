"""Which messages are bounces, and of which message (contracts B16.04, B16.05; features 11.34, 11.38)."""

from collections.abc import Callable

import pytest

from bounces import BOB, FOREIGN, SHAPES, attached, bounced, dsn, message, msn, qmail
from mailcordon.check.bounce import find_bounce, is_automatic
from mailcordon.check.bounced_header import MOST_LINES, MOST_LINES_OF_TEXT, MOST_OCTETS, bounced_message_id
from mailcordon.mail.bounce import Bounce
from mailcordon.mail.finding import Findings, SpamScore
from mailcordon.mail.message import Mail
from mailcordon.unpack import Limits, split
from mailcordon.unpack.transfer import decode

MakeMail = Callable[..., Mail]
Found = Callable[..., Bounce | None]
REPORT = "multipart/report; report-type=delivery-status"


@pytest.fixture
def found(make_mail: MakeMail) -> Found:
    """What is found in a message, by the null sender unless another one is named."""

    def find(octets: bytes, sender: str = "") -> Bounce | None:
        mail = make_mail(octets, sender=sender, recipients=[BOB])
        return find_bounce(mail, split(mail.content.view(), Limits()).root, decode)

    return find


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name: str, found: Found) -> None:
    """B16.04, features 11.34: standard and non-standard ones, wherever the header section is."""
    bounce = found(SHAPES[name])
    assert bounce is not None
    assert bounce.message_id == FOREIGN


TEXT = b"Content-Type: text/plain\r\n\r\nSee below.\r\n"
NO_BOUNCES = {
    "a text by a person": qmail().replace(b"MAILER-DAEMON@", b"eve@"),
    "a mixed one by a person": msn(author="eve@remote.example", Subject="Fwd: offer"),
    "a report of an unknown type": message(
        "multipart/report; report-type=weather", TEXT, TEXT, attached(bounced(), "message/rfc822")
    ),
    "a report of another type": dsn().replace(b"report-type=delivery-status", b"report-type=feedback-report"),
    "too many parts": message(REPORT, TEXT, TEXT, TEXT, TEXT, attached(bounced())),
    "one part": message("multipart/mixed", attached(bounced(), "message/rfc822")),
    "deeper": message("multipart/mixed", TEXT, b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c--"),
}


@pytest.mark.parametrize("name", NO_BOUNCES)
def test_other_structures(name: str, found: Found) -> None:
    """Features 11.34: what has another structure is not touched."""
    assert found(NO_BOUNCES[name]) is None


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "qmail"])
def test_people_forward_messages(name: str, found: Found) -> None:
    """Features 11.38: a user's mail is no bounce, whatever it looks like; that of a mail system is, with any sender."""
    octets = SHAPES[name]
    assert found(octets, "eve@remote.example") is not None
    theirs = octets.replace(b"From: MAILER-DAEMON@mx.remote.example", b"From: Eve <eve@remote.example>", 1)
    assert found(theirs, "eve@remote.example") is None


@pytest.mark.parametrize(
    ("author", "is_robot"),
    [
        ("postmaster@mx.remote.example", True),
        ("MAILER-DAEMON (Mail Delivery System)", True),
        ("Mail Delivery Subsystem <mailer-daemon>", True),
        ("eve@remote.example, Postmaster@remote.example", True),
        ("Postmaster <eve@remote.example>", False),
        ("postmasters@remote.example", False),
    ],
)
def test_authors(author: str, is_robot: bool, found: Found) -> None:
    """B16.04: several authors, and such without a domain; a name for people does not count."""
    assert (found(dsn(author=author), "x@remote.example") is not None) == is_robot


def test_text_needs_both(found: Found) -> None:
    """B16.04: a single text counts with the null sender only."""
    assert found(qmail(), "x@remote.example") is None
    assert found(qmail().replace(b"MAILER-DAEMON@", b"Postmaster@")) is not None


def test_yahoogroups(found: Found) -> None:
    """B16.04: with a sender and an author of its own."""
    octets = message("multipart/mixed", TEXT, attached(bounced(), "message/rfc822"), author="notify@yahoogroups.com")
    bounce = found(octets, "notify-return-1@returns.example")
    assert bounce is not None
    assert bounce.message_id == FOREIGN


def test_nothing_attached(found: Found) -> None:
    """B16.06: the structure of a bounce, and nothing that could be verified."""
    for parts in ([TEXT, SHAPES["DSN"][:0] + STATUS], [TEXT, STATUS, b"Content-Type: message/rfc822\r\n\r\nhello"]):
        bounce = found(message(REPORT, *parts))
        assert bounce is not None
        assert bounce.message_id is None


STATUS = b"Content-Type: message/delivery-status\r\n\r\nAction: failed\r\n"


@pytest.mark.parametrize(
    ("header", "message_id"),
    [
        (b"From: a\nTo: b\nMessage-ID: <1@x>\n", "<1@x>"),
        (b"From: a\nMESSAGE-ID :\n <1@x>\nDate: c\n", "<1@x>"),
        (b"From: a\nTo: b\nMessage-ID: <1@x>\nMessage-ID: <2@x>\n", "<1@x>"),
        (b"From: a\nMessage-ID: <1@x>\n", None),  # too few
        (b"To: a\nDate: b\nSubject: c\nMessage-ID: <1@x>\n", None),  # no author
        (b"From: a\nTo: b\nDate: c\nSubject: d\n", None),  # four, and no Message-ID
        (b"From: a\nTo: b\nDate: c\nSubject: d\nReceived: e\n", ""),
        (b"From: a\nTo: b\nDate: c\nSubject: d\nSubject: d\nSubject: d\n", None),  # the same again
        (b"From: a\nX-Unknown: b\nList-Id: c\nReply-To: d\nSender: e\n", None),  # not among those that count
        (b"From: a\nTo: b\n\nMessage-ID: <1@x>\n", None),  # the body begins before it
        (b"\n\nFrom: a\nTo: b\nMessage-ID: <1@x>\n", "<1@x>"),
        (b">From x Sun Nov 22\nFrom: a\nTo: b\nMessage-ID: <1@x>\n", "<1@x>"),
        (b"", None),
    ],
)
def test_header_sections(header: bytes, message_id: str | None) -> None:
    """B16.05: which fields count, and how many have to be there."""
    assert bounced_message_id(header, is_text=False) == message_id
    assert bounced_message_id(header.replace(b"\n", b"\r\n"), is_text=False) == message_id


def test_texts() -> None:
    """B16.05: paragraphs count alone, and lines may be quoted."""
    header = b"From: a\nTo: b\nMessage-ID:\n\t<1@x>\n"
    quoted = b"".join(b"> " + line + b"\n" for line in header.splitlines())
    assert bounced_message_id(b"From: you\nTo: them\n\n" + quoted + b">\n> text\n", is_text=True) == "<1@x>"
    assert bounced_message_id(b"From: a\nTo: b\n\nMessage-ID: <1@x>\n", is_text=True) is None
    assert bounced_message_id(quoted, is_text=False) is None


def test_limits() -> None:
    """B16.05: 1000 lines, of a text 200; nothing behind them counts."""
    header = b"From: a\nTo: b\nMessage-ID: <1@x>\n"
    for is_text, most in ((False, MOST_LINES), (True, MOST_LINES_OF_TEXT)):
        for before, found in ((most - 3, "<1@x>"), (most - 2, None)):
            assert bounced_message_id(b"x\n" * before + header, is_text=is_text) == found
    assert bounced_message_id(b"x" * MOST_OCTETS + b"\n" + header, is_text=False) is None


@pytest.mark.parametrize(
    "body",
    [
        b"From: a\n" * 200_000,
        b"Message-ID: " + b"<" * 5_000_000,
        b"Message-ID: <1@x>\n" + b" " * 5_000_000 + b"\n",
        b"Message-ID: <1@x>\n" + b" x\n" * 1_000_000,
        b"\0" * 5_000_000,
        b"A" * 60 + b" " * 5_000_000 + b":",
        b"> " * 2_000_000,
    ],
)
def test_hostile_header_sections(body: bytes, make_mail: MakeMail) -> None:
    """Anybody makes bounces: little of one is looked at, and nothing is raised."""
    lengths = []

    def decode_little(octets: memoryview, encoding: str) -> bytes:
        lengths.append(len(octets))
        return decode(octets, encoding)

    for octets in (
        message(REPORT, TEXT, STATUS, attached(body, "message/rfc822")),
        message(REPORT, TEXT, STATUS, attached(body)),
        qmail()[:-8] + b"\n" + body,
    ):
        mail = make_mail(octets, sender="")
        assert find_bounce(mail, split(mail.content.view(), Limits()).root, decode_little) is not None
    assert max(lengths) == 2 * MOST_OCTETS
    for is_text in (False, True):
        bounced_message_id(body, is_text=is_text)


def test_automatic_messages(make_mail: MakeMail) -> None:
    """B16.06: what may be a bounce of a structure that nobody knows."""

    def automatic(octets: bytes, *tests: str) -> bool:
        spam = SpamScore(1.0, tuple((name, 0.1) for name in tests))
        return is_automatic(make_mail(octets, sender=""), Findings(spam=spam))

    person = b"From: eve@remote.example\r\n"
    assert not automatic(person + b"\r\n")
    assert not automatic(person + b"Auto-Submitted: No\r\n\r\n", "BAYES_50")
    assert automatic(person + b"Auto-Submitted: auto-replied; owner=x\r\n\r\n")
    assert automatic(person + b"\r\n", "ANY_BOUNCE_MESSAGE")
    assert automatic(b"From: postmaster@remote.example\r\n\r\n")
