"""The dialogue without a network: every reply text of B6.01 to B6.06, and what is remembered of it."""

import logging
from collections.abc import Callable

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pydantic import ValidationError

from mailcordon import __version__
from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.mail.envelope import Client, Envelope, Recipient, Session
from mailcordon.receive.endpoint import Endpoint
from mailcordon.receive.session import SmtpSession, Step

MakeSettings = Callable[..., Settings]
ERROR_LIMIT = 20
"""smtpd_hard_error_limit as packaged."""
ENDPOINT = Endpoint("127.0.0.1", "127.0.0.1", 10024)


@pytest.fixture
def session(make_settings: MakeSettings) -> SmtpSession:
    settings = make_settings(smtpd_recipient_limit=3, smtpd_message_size_limit=100_000, myproduct_name="mailcordon")
    return SmtpSession(PolicyBanks(settings), ENDPOINT)


def ask(session: SmtpSession, line: str) -> str:
    answer = session.command(line.encode("utf-8", "surrogateescape"))
    return answer.octets.decode("utf-8", "surrogateescape").removesuffix("\r\n")


def begin(session: SmtpSession, *recipients: str) -> None:
    ask(session, "MAIL FROM:<a@b.example>")
    for recipient in recipients:
        ask(session, f"RCPT TO:<{recipient}>")


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [(ENDPOINT, "[127.0.0.1]"), (Endpoint("::1", "::1", 10024), "[IPv6:::1]"), (Endpoint(), "localhost")],
)
def test_greeting_and_closing(make_settings: MakeSettings, endpoint: Endpoint, host: str) -> None:
    """B6.01: helo-name is the bracketed local address, product is myproduct_name."""
    session = SmtpSession(PolicyBanks(make_settings(myproduct_name="mailcordon", localhost_name="localhost")), endpoint)
    assert session.greeting() == f"220 {host} ESMTP mailcordon service ready\r\n".encode()
    answer = session.command(b"QUIT")
    assert answer.octets == f"221 2.0.0 {host} mailcordon closing transmission channel\r\n".encode()
    assert answer.step is Step.CLOSE


@pytest.mark.parametrize("verb", ["EHLO", "LHLO"])
def test_capabilities(session: SmtpSession, verb: str) -> None:
    """B6.02."""
    assert ask(session, f"{verb} mx.example").split("\r\n") == [
        "250-[127.0.0.1]",
        "250-VRFY",
        "250-PIPELINING",
        "250-SIZE 100000",
        "250-ENHANCEDSTATUSCODES",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-DSN",
        "250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
    ]


def test_withheld_keywords(make_settings: MakeSettings) -> None:
    """B6.02: smtpd_discard_ehlo_keywords, in any case; what is withheld can still be used."""
    settings = make_settings(smtpd_discard_ehlo_keywords=["size", "XForward", "DSN"])
    session = SmtpSession(PolicyBanks(settings), ENDPOINT)
    assert [line[4:] for line in ask(session, "EHLO x").split("\r\n")] == [
        "[127.0.0.1]",
        "VRFY",
        "PIPELINING",
        "ENHANCEDSTATUSCODES",
        "8BITMIME",
        "SMTPUTF8",
    ]
    assert ask(session, "MAIL FROM:<a@b> SIZE=10").startswith("250")


def test_banners(make_settings: MakeSettings) -> None:
    """B6.01: the templates of both, with every placeholder; a bank may have its own."""
    bank = {
        "smtpd_greeting_banner": "${helo-name} ${protocol} ${product} ${version}",
        "smtpd_quit_banner": "bye from ${product}",
    }
    settings = make_settings(
        myproduct_name="Our Filter", interface_policy={"10024": "OURS"}, policy_bank={"OURS": bank}
    )
    session = SmtpSession(PolicyBanks(settings), ENDPOINT)
    assert session.greeting() == f"220 [127.0.0.1] ESMTP Our Filter {__version__}\r\n".encode()
    assert session.command(b"QUIT").octets == b"221 2.0.0 bye from Our Filter\r\n"


@pytest.mark.parametrize("banner", ["${helo_name}", "a\r\n250 b", "", " "])
def test_bad_banner_is_refused(make_settings: MakeSettings, banner: str) -> None:
    """A placeholder that nobody fills, or something that is no line, never reaches a client."""
    with pytest.raises(ValidationError, match=r"is not known; there are|is not a line of text"):
        make_settings(smtpd_greeting_banner=banner)


def test_size_without_and_with_a_small_limit(make_settings: MakeSettings) -> None:
    """B6.06: a limit below 64 KiB is raised to it; none is announced as a bare SIZE."""
    assert "250-SIZE\r\n" in ask(
        SmtpSession(PolicyBanks(make_settings(smtpd_message_size_limit=0)), ENDPOINT), "EHLO x"
    )
    assert "250-SIZE 65536\r\n" in ask(
        SmtpSession(PolicyBanks(make_settings(smtpd_message_size_limit=10)), ENDPOINT), "EHLO x"
    )


def test_helo(session: SmtpSession) -> None:
    assert ask(session, "HELO mx.example") == "250 [127.0.0.1]"
    assert session.describe().protocol == "SMTP"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("NOOP", "250 2.0.0 Ok NOOP"),
        ("noop whatever", "250 2.0.0 Ok NOOP"),
        ("RSET", "250 2.0.0 Ok RSET"),
        ("VRFY postmaster", "252 2.0.0 Argument not checked"),
        ("MAIL FROM:<a@b.example>", "250 2.1.0 Sender <a@b.example> OK"),
        ("MAIL FROM:<>", "250 2.1.0 Sender <> OK"),
        ("XFORWARD ADDR=192.0.2.1", "250 2.5.0 Ok XFORWARD"),
        ("Noop ", "250 2.0.0 Ok NOOP"),
        ("", "500 5.5.2 Error: bad syntax"),
        (" NOOP", "500 5.5.2 Error: bad syntax"),
        ("123", "500 5.5.2 Error: bad syntax"),
        ("MAIL\tFROM:<a\x00@b>", "500 5.5.2 Error: bad syntax"),
        ("NOOP\rQUIT", "500 5.5.2 Error: bad syntax"),
        ("W00T now", "500 5.5.2 Error: command W00T not recognized"),
        ("EXPN list", "502 5.5.1 Error: command EXPN not implemented"),
        ("STARTTLS", "502 5.5.1 Error: command STARTTLS not implemented"),
        ("AUTH PLAIN", "502 5.5.1 Error: command AUTH not implemented"),
        ("BDAT 1 LAST", "502 5.5.1 Error: command BDAT not implemented"),
        ("XCLIENT LOGIN=x", "502 5.5.1 Error: command XCLIENT not implemented"),
        ("RCPT TO:<a@b>", "503 5.5.1 Need MAIL command before RCPT"),
        ("DATA", "503 5.5.1 Need MAIL command before DATA"),
        ("DATA now", "501 5.5.2 Syntax: DATA"),
        ("RSET now", "501 5.5.2 Syntax: RSET"),
        ("QUIT now", "501 5.5.2 Syntax: QUIT"),
        ("EHLO", "501 5.5.2 Syntax: EHLO hostname"),
        ("VRFY", "501 5.5.2 Syntax: VRFY address"),
        ("MAIL a@b", "501 5.5.2 Syntax: MAIL FROM:<address>"),
        ("MAIL", "501 5.5.2 Syntax: MAIL FROM:<address>"),
        ("MAIL FROM:<a@b> X=1", "555 5.5.4 MAIL parameter X unrecognized"),
        ("MAIL FROM:<a@b> SIZE=100001", "552 5.3.4 Message size (100001 B) exceeds size limit"),
        ("MAIL FROM:<a@b> SIZE=100000", "250 2.1.0 Sender <a@b> OK"),
    ],
)
def test_replies_outside_a_transaction(session: SmtpSession, line: str, reply: str) -> None:
    """B6.04, B6.05, B6.06."""
    assert ask(session, line) == reply


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("MAIL FROM:<a@b.example>", "503 5.5.1 Error: nested MAIL command"),
        ("RCPT TO:<c@d.example>", "250 2.1.5 Recipient <c@d.example> OK"),
        ("RCPT TO:c@d.example", "501 5.5.2 Syntax: RCPT TO:<address>"),
        ("RCPT TO:<>", "501 5.5.2 Syntax: RCPT TO:<address>"),
        ("RCPT TO:<c@d> X=1", "555 5.5.4 RCPT parameter X unrecognized"),
        ("DATA", "503 5.5.1 Need RCPT command before DATA"),
        ("XFORWARD NAME=x", "503 5.5.1 Error: transaction in progress"),
    ],
)
def test_replies_after_mail(session: SmtpSession, line: str, reply: str) -> None:
    """B6.03, B6.04, B6.05."""
    begin(session)
    assert ask(session, line) == reply


def test_help_names_every_command(session: SmtpSession) -> None:
    """B6.04."""
    reply = ask(session, "HELP")
    assert reply.startswith("214 2.0.0 ")
    for verb in reply.split(": ")[1].split():
        assert "not recognized" not in ask(session, f"{verb} x")


@pytest.mark.parametrize(
    ("hello", "reply"),
    [("EHLO", "554 5.1.1 Error (DATA): no valid recipients"), ("LHLO", "503 5.1.1 Error (DATA): no valid recipients")],
)
def test_data_when_every_recipient_was_refused(session: SmtpSession, hello: str, reply: str) -> None:
    """B6.05: 554, for LMTP 503 (RFC 2033 4.2)."""
    ask(session, f"{hello} mx.example")
    begin(session)
    ask(session, "RCPT TO:<nonsense")
    assert ask(session, "DATA") == reply


def test_data_with_a_recipient_asks_the_transport_for_a_place(session: SmtpSession) -> None:
    begin(session, "c@d.example")
    answer = session.command(b"DATA")
    assert (answer.octets, answer.step) == (b"", Step.RECEIVE_DATA)


def test_too_many_recipients(session: SmtpSession) -> None:
    """B6.06: 452 for those above the limit; the mail goes on for the others."""
    begin(session, "1@d", "2@d", "3@d")
    assert ask(session, "RCPT TO:<4@d>") == "452 4.5.3 Too many recipients"
    assert [recipient.address for recipient in session.envelope().recipients] == ["1@d", "2@d", "3@d"]
    assert session.command(b"DATA").step is Step.RECEIVE_DATA


def test_envelope_and_session_of_a_message(session: SmtpSession) -> None:
    """DSN parameters are kept as received (RFC 3461), XFORWARD tells of the client."""
    ask(session, "LHLO mx.example trailing")
    ask(session, "XFORWARD NAME=client.example ADDR=IPV6:2001:db8::1 PORT=[UNAVAILABLE]")
    ask(session, "XFORWARD PROTO=ESMTP SOURCE=REMOTE")
    ask(session, "MAIL FROM:<j\udcf6rg@b> BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=abc SIZE=10")
    ask(session, "RCPT TO:<c@d> NOTIFY=NEVER ORCPT=rfc822;x@y")
    ask(session, "RCPT TO:<e@f>")
    assert session.envelope() == Envelope(
        sender="j\udcf6rg@b",
        recipients=(Recipient("c@d", notify="NEVER", orcpt="rfc822;x@y"), Recipient("e@f")),
        body_type="8BITMIME",
        smtputf8=True,
        ret="FULL",
        envid="abc",
    )
    assert session.describe() == Session(
        protocol="LMTP",
        helo="mx.example",
        peer_addr="127.0.0.1",
        local_addr="127.0.0.1",
        local_port=10024,
        client=Client(name="client.example", addr="2001:db8::1", proto="ESMTP", source="REMOTE"),
    )


@pytest.mark.parametrize("reset", ["RSET", "EHLO again.example", "HELO again.example", "end of message"])
def test_a_reset_forgets_transaction_and_xforward(session: SmtpSession, reset: str) -> None:
    """B6.03: attributes belong to one transaction, as in Postfix; the next one says them anew."""
    ask(session, "EHLO mx.example")
    ask(session, "XFORWARD NAME=client.example")
    begin(session, "c@d.example")
    if reset == "end of message":
        session.end_transaction()
    else:
        ask(session, reset)
    assert session.describe().client == Client()
    assert ask(session, "RCPT TO:<c@d.example>") == "503 5.5.1 Need MAIL command before RCPT"
    assert session.describe().protocol == ("SMTP" if reset.startswith("HELO") else "ESMTP")


def test_xforward_stays_until_its_mail(session: SmtpSession) -> None:
    """The twin of the test above: NOOP, VRFY and a refused command forget nothing."""
    ask(session, "XFORWARD NAME=client.example")
    for line in ("NOOP", "VRFY x", "NONSENSE"):
        ask(session, line)
    begin(session, "c@d.example")
    assert session.describe().client == Client(name="client.example")


@pytest.mark.parametrize(("address", "originating"), [("192.0.2.7", False), ("10.1.2.3", True)])
@pytest.mark.parametrize("source", ["LOCAL", "REMOTE", "[UNAVAILABLE]"])
def test_source_proves_nothing(session: SmtpSession, source: str, address: str, originating: bool) -> None:
    """Features 13.18: it is kept for the next hop, but the client's address alone says whether mail is originating."""
    ask(session, f"XFORWARD ADDR={address} SOURCE={source}")
    begin(session, "c@d.example")
    described = session.describe()
    assert described.client.source == (None if source == "[UNAVAILABLE]" else source)
    assert described.originating is originating


def test_errors_are_logged_and_bounded(session: SmtpSession, caplog: pytest.LogCaptureFixture) -> None:
    """B6.15, B21.14: every protocol error is logged with its line; the twentieth ends the session."""
    caplog.set_level(logging.INFO)
    for number in range(ERROR_LIMIT - 1):
        assert session.command(b"FOO\xff%d" % number).step is Step.NEXT_COMMAND
        assert session.command(b"NOOP").step is Step.NEXT_COMMAND
    answer = session.command(b"BAR")
    assert answer.step is Step.CLOSE
    assert answer.octets.split(b"\r\n")[:2] == [
        b"500 5.5.2 Error: command BAR not recognized",
        b"421 4.7.0 Error: too many errors, closing channel",
    ]
    assert len(caplog.messages) == ERROR_LIMIT
    assert "FOO\\xff0" in caplog.messages[0]


def test_an_accepted_message_lets_a_client_err_anew(make_settings: MakeSettings) -> None:
    """B6.15: Postfix keeps its connection for many mails; a refused mail, or RSET, forgives nothing."""
    session = SmtpSession(PolicyBanks(make_settings(smtpd_hard_error_limit=3)), ENDPOINT)
    for accepted in (True, True, False):
        assert session.command(b"FOO").step is Step.NEXT_COMMAND
        assert session.command(b"FOO").step is Step.NEXT_COMMAND
        begin(session, "c@d.example")
        session.message_done(accepted=accepted)
        session.command(b"RSET")
    assert session.command(b"FOO").step is Step.CLOSE


def test_refusals_that_are_no_errors_do_not_count(session: SmtpSession) -> None:
    """The harmless twin: limits of size and recipients may be met any number of times."""
    for _ in range(3 * ERROR_LIMIT):
        assert session.command(b"MAIL FROM:<a@b> SIZE=999999").step is Step.NEXT_COMMAND
    begin(session, *[f"{number}@d" for number in range(3 * ERROR_LIMIT)])
    assert session.command(b"NOOP").step is Step.NEXT_COMMAND


COMMANDS = st.sampled_from(
    [
        b"HELO x",
        b"EHLO x",
        b"LHLO x",
        b"MAIL FROM:<a@b>",
        b"RCPT TO:<c@d>",
        b"RCPT TO:<",
        b"DATA",
        b"RSET",
        b"QUIT",
        b"XFORWARD NAME=x",
        b"VRFY x",
        b"EHLO \xc2\xa0",
        b"XFORWARD \xe3\x80\x80",
        b"MAIL FROM:<a@b> \xe3\x80\x80",
    ]
)


@hypothesis.settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(COMMANDS | st.binary(max_size=40).filter(lambda line: b"\n" not in line), max_size=40))
def test_any_sequence_of_lines_gets_replies(make_settings: MakeSettings, lines: list[bytes]) -> None:
    """Design rule 5: no line raises, and each one but an accepted DATA gets a reply."""
    session = SmtpSession(PolicyBanks(make_settings(smtpd_recipient_limit=2)), ENDPOINT)
    for line in lines:
        answer = session.command(line)
        assert answer.octets.endswith(b"\r\n") == (answer.step is not Step.RECEIVE_DATA)
        if answer.step is Step.RECEIVE_DATA:
            assert session.envelope().recipients
            session.end_transaction()
        elif answer.step is Step.CLOSE:
            return
