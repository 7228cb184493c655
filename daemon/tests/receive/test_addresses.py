"""Arguments of MAIL and RCPT (RFC 5321 4.1.2, RFC 3461)."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailcordon.mail.envelope import Recipient
from mailcordon.receive.addresses import MailArguments, parse_mail, parse_rcpt
from mailcordon.receive.replies import CommandError


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("<>", ""),
        ("<a@b.example>", "a@b.example"),
        (" <a@b.example>", "a@b.example"),
        ("<postmaster>", "postmaster"),
        ("<a+tag@[192.0.2.1]>", "a+tag@[192.0.2.1]"),
        ("<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]"),
        ('<"a b"@c.example>', '"a b"@c.example'),
        ('<"a>b"@c.example>', '"a>b"@c.example'),
        ('<"a\\"b\\\\"@c.example>', '"a\\"b\\\\"@c.example'),
        ('<"@x:y"@c.example>', '"@x:y"@c.example'),
        ("<a..b.@c.example>", "a..b.@c.example"),
        ("<a\\@b@c.example>", "a\\@b@c.example"),
        ("<@r1.example,@r2.example:a@b.example>", "a@b.example"),
        ("<jörg@müller.example>", "jörg@müller.example"),
        ("<j\udcf6rg@b.example>", "j\udcf6rg@b.example"),
    ],
)
def test_paths(written: str, address: str) -> None:
    """Quoted local parts, source routes, literals, UTF-8 and raw 8-bit octets."""
    assert parse_mail(f"FROM:{written}").sender == address
    assert parse_mail(f"from:{written} SIZE=7") == MailArguments(sender=address, size=7)
    if address:
        assert parse_rcpt(f"TO:{written}") == Recipient(address)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "a@b.example",
        "<a@b.example",
        "a@b.example>",
        "<a b@c.example>",
        '<"a@b.example>',
        "<a@b>SIZE=1",
        "<a>b>",
        "<<a@b>>",
        "<@r1.example:>",
        "<@r1.example>",
        "<a\x01@b>",
        "<a\\>",
        "<a@b\xa0c>",
    ],
)
def test_what_is_no_path(written: str) -> None:
    """B6.05: `501 5.5.2 Syntax: MAIL FROM:<address>` and its like for RCPT."""
    with pytest.raises(CommandError, match=r"^501 5.5.2 Syntax: MAIL FROM:<address>$"):
        parse_mail(f"FROM:{written}")
    with pytest.raises(CommandError, match=r"^501 5.5.2 Syntax: RCPT TO:<address>$"):
        parse_rcpt(f"TO:{written}")


@pytest.mark.parametrize("arguments", ["", "FROM", "FROM <a@b>", "TO:<>", "TO:<a@b", "FORM:<a@b>"])
def test_wrong_keyword(arguments: str) -> None:
    with pytest.raises(CommandError, match=r"^501 5\.5\.2 Syntax: "):
        parse_mail(arguments)
    with pytest.raises(CommandError, match=r"^501 5\.5\.2 Syntax: "):
        parse_rcpt(arguments)


def test_all_parameters_of_mail() -> None:
    """RFC 1870, 6152, 6531, 3461; values that must travel unchanged do."""
    assert parse_mail("FROM:<a@b> size=1000 body=8bitmime SMTPUTF8 RET=hdrs ENVID=QQ+2B314") == MailArguments(
        sender="a@b", size=1000, body_type="8BITMIME", smtputf8=True, ret="HDRS", envid="QQ+2B314"
    )
    assert parse_mail("FROM:<> BODY=7BIT RET=FULL") == MailArguments(sender="", body_type="7BIT", ret="FULL")


def test_submitter() -> None:
    """RFC 4954 5; kept for a next hop that offers AUTH (B7.02)."""
    assert parse_mail("FROM:<a@b> AUTH=<>").auth == "<>"
    assert parse_mail("FROM:<a@b> AUTH=c+2Bd@b").auth == "c+2Bd@b"


def test_all_parameters_of_rcpt() -> None:
    assert parse_rcpt("TO:<a@b> NOTIFY=success,Delay ORCPT=rfc822;x+2By@b") == Recipient(
        "a@b", notify="SUCCESS,DELAY", orcpt="rfc822;x+2By@b"
    )
    assert parse_rcpt("TO:<a@b> NOTIFY=NEVER").notify == "NEVER"
    assert parse_rcpt("TO:<a@b> ORCPT=utf-8;jörg@b").orcpt == "utf-8;jörg@b"


@pytest.mark.parametrize(
    "parameters",
    [
        "AUTH",
        "AUTH=c+zz",
        "SIZE",
        "SIZE=",
        "SIZE=x",
        "SIZE=-1",
        "SIZE=1 SIZE=2",
        "BODY=BINARYMIME",
        "BODY",
        "SMTPUTF8=1",
        "RET=ALL",
        "RET",
        "ENVID",
        "ENVID=a+2",
        "ENVID=a+zz",
        f"ENVID={'a' * 101}",
        "=x",
        "SIZE==1",
        "-A=1",
        "SIZE=1=2",
    ],
)
def test_bad_parameters_of_mail(parameters: str) -> None:
    with pytest.raises(CommandError, match=r"^501 5\.5\.4 "):
        parse_mail(f"FROM:<a@b> {parameters}")


@pytest.mark.parametrize(
    "parameters",
    [
        "NOTIFY",
        "NOTIFY=",
        "NOTIFY=MAYBE",
        "NOTIFY=NEVER,DELAY",
        "NOTIFY=DELAY,DELAY",
        "NOTIFY=DELAY,",
        "ORCPT",
        "ORCPT=a@b",
        "ORCPT=;a",
        "ORCPT=rfc822;",
        "ORCPT=rfc822;jörg@b",
        "ORCPT=rfc822;a+b",
        f"ORCPT=x;{'a' * 499}",
    ],
)
def test_bad_parameters_of_rcpt(parameters: str) -> None:
    with pytest.raises(CommandError, match=r"^501 5\.5\.4 "):
        parse_rcpt(f"TO:<a@b> {parameters}")


@pytest.mark.parametrize("parameters", ["BY=100;R", "X-THING", "HOLDFOR=3"])
def test_parameters_not_offered(parameters: str) -> None:
    """B6.05: `555 5.5.4 … unrecognized`."""
    name = parameters.partition("=")[0]
    with pytest.raises(CommandError, match=rf"^555 5\.5\.4 MAIL parameter {name} unrecognized$"):
        parse_mail(f"FROM:<a@b> {parameters}")
    with pytest.raises(CommandError, match=rf"^555 5\.5\.4 RCPT parameter {name} unrecognized$"):
        parse_rcpt(f"TO:<a@b> {parameters}")


LETTERS = st.text(st.sampled_from('<>@:"\\ =;+,abFROMTOSIZENOTIFYORCPT019.\t\udcffö'), max_size=60)


@given(LETTERS | st.text(max_size=60))
@example('<"' + "a" * 4000)
@example("<" + '""' * 2000)
@example("<" + "\\a" * 2000)
@example("<@" + "," * 4000)
@example("<a> " + "A=" * 1000)
def test_parsers_raise_nothing_but_their_own_error(text: str) -> None:
    """Design rule 5: hostile input is the normal case."""
    for parse in (parse_mail, parse_rcpt):
        for line in (text, f"FROM:<{text}>", f"TO:<{text}>", f"FROM:<a@b> {text}", f"TO:<a@b> ORCPT={text}"):
            with contextlib.suppress(CommandError):
                parse(line)
