"""Commands that come together are answered as if each had come alone (contracts B6.05, B6.06; RFC 2920)."""

from collections.abc import Callable

import hypothesis
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Recipient
from mailcordon.receive.command_input import CommandInput
from mailcordon.receive.endpoint import Endpoint
from mailcordon.receive.session import SmtpSession, Step

MakeSettings = Callable[..., Settings]
ENDPOINT = Endpoint("127.0.0.1", "127.0.0.1", 10024)
MAIL = b"MAIL FROM:<a@b.example>"
RCPT = b"RCPT TO:<c%d@d.example>"

ADDRESSES = st.one_of(
    st.sampled_from([b"c@d.example", b"C@D.example", b"a+b=c@d", b"c", b"", b"@", b"a@", b"a,b:c;d@e"]),
    st.sampled_from([b"@route.example:c@d.example", b'"a b"@d', b'"a>b"@d', b"a\\@b@d", b"x" * 300 + b"@d"]),
    st.sampled_from([b"j\xc3\xb6rg@d.example", b"\xf6@d", b"a<b@d", b"a\x01@d", b"a b@d", b"a\x7f@d"]),
    st.binary(max_size=8),
)
LINES = st.one_of(
    st.builds(b"RCPT TO:<%b>".__mod__, ADDRESSES),
    st.builds(b"RCPT TO:<%b> NOTIFY=NEVER".__mod__, ADDRESSES),
    st.sampled_from([MAIL, b"MAIL FROM:<> SIZE=90000", b"rcpt to:<c@d>", b"RCPT TO: <c@d>", b"RCPT TO:<c@d> "]),
    st.sampled_from([b"", b"NOOP", b"DATA", b"RCPT", b"RSET", b"RCPT TO:<c@d>>", b"RCPT TO:<c@d"]),
)


def together(session: SmtpSession, octets: bytes) -> tuple[bytes, bytes]:
    """The replies to all of it up to DATA, and what is left."""
    commands, rest, replies = CommandInput(session), bytearray(octets), b""
    while taken := commands.take(rest):
        if taken.answer is not None:
            replies += taken.answer.octets
            if taken.answer.step is not Step.NEXT_COMMAND:
                break
    return replies, bytes(rest)


def one_by_one(session: SmtpSession, octets: bytes) -> tuple[bytes, bytes]:
    """The same, each line by itself."""
    replies, rest = b"", octets
    while rest:
        line, _, rest = rest.partition(b"\n")
        answer = session.command(line.removesuffix(b"\r"))
        replies += answer.octets
        if answer.step is not Step.NEXT_COMMAND:
            break
    return replies, rest


def recipients_of(session: SmtpSession) -> tuple[Recipient, ...]:
    return session.envelope().recipients if session.in_transaction else ()


@given(lines=st.lists(LINES, max_size=12), line_end=st.sampled_from([b"\r\n", b"\n"]))
@example([MAIL, *(RCPT % number for number in range(8)), b"DATA", RCPT % 9], b"\r\n")
@example([RCPT % 1, MAIL, RCPT % 1, b"RCPT TO:<@a:b@c>", RCPT % 2, b"QUIT"], b"\r\n")
@example([b"MAIL FROM:<> SIZE=90000", RCPT % 1, b"RCPT TO:<small@d.example>", RCPT % 2], b"\r\n")
@hypothesis.settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("limits", [{}, {"message_size_limit": {"hash": {"small@d.example": 70_000}}}])
def test_all_at_once_or_line_by_line(
    make_settings: MakeSettings, limits: dict[str, object], lines: list[bytes], line_end: bytes
) -> None:
    """Whatever stands between the recipients, and however many are over the limit."""
    banks = PolicyBanks(make_settings(smtpd_recipient_limit=5, **limits))
    octets = line_end.join([*lines, b""])
    fast, slow = SmtpSession(banks, ENDPOINT), SmtpSession(banks, ENDPOINT)
    assert together(fast, octets) == one_by_one(slow, octets)
    assert recipients_of(fast) == recipients_of(slow)


def test_hundreds_of_recipients(make_settings: MakeSettings) -> None:
    """Each has his own reply, in the order of the commands; what comes later stays where it is."""
    session = SmtpSession(PolicyBanks(make_settings(smtpd_recipient_limit=1000)), ENDPOINT)
    session.command(MAIL)
    octets = b"".join(RCPT % number + b"\r\n" for number in range(450))
    replies, rest = together(session, octets + b"RCPT TO:<half")
    assert replies.decode() == "".join(f"250 2.1.5 Recipient <c{number}@d.example> OK\r\n" for number in range(450))
    assert rest == b"RCPT TO:<half"
    assert [recipient.address for recipient in session.envelope().recipients] == [
        f"c{number}@d.example" for number in range(450)
    ]


def test_recipients_that_come_together_cost_several_turns(make_settings: MakeSettings) -> None:
    """Other connections have their turn, too; but a hundred recipients are not a hundred commands."""
    session = SmtpSession(PolicyBanks(make_settings()), ENDPOINT)
    session.command(MAIL)
    taken = CommandInput(session).take(bytearray(b"".join(RCPT % number + b"\r\n" for number in range(100))))
    assert taken is not None
    assert 5 < taken.turns < 50
