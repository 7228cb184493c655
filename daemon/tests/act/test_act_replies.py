"""The texts that the client gets (B5.09 to B5.13, B6.08, B6.09, B7.06)."""

import pytest
from acting import VIRUS, stopped

from mailcordon.act import replies
from mailcordon.act.hop_reply import HopReply, join_lines, parse_line
from mailcordon.act.hop_stream import HopBrokenError, HopTimeoutError, HopUnreachableError
from mailcordon.config.next_hop import NextHop
from mailcordon.errors import ProtocolError
from mailcordon.mail.category import Category, Destiny, Major
from mailcordon.mail.reply import Reply

HOP = NextHop(protocol="smtp", host="127.0.0.1", port=10025)
ID = "04711-01"


@pytest.mark.parametrize(
    ("category", "destiny", "expected"),
    [
        (VIRUS, Destiny.DISCARD, "250 2.7.0 Ok, discarded, why"),
        (VIRUS, Destiny.REJECT, "554 5.7.0 Reject, why"),
        (VIRUS, Destiny.BOUNCE, "554 5.7.0 Bounce, why"),
        (VIRUS, Destiny.TEMPFAIL, "450 4.7.0 Temporary failure, why"),
        (Category(Major.BAD_HEADER, 2), Destiny.REJECT, "554 5.6.3 Reject, why"),
        (Category(Major.BAD_HEADER, 7), Destiny.REJECT, "554 5.6.0 Reject, why"),
        (Category(Major.BAD_HEADER), Destiny.DISCARD, "250 2.6.0 Ok, discarded, why"),
        (Category(Major.OVERSIZED), Destiny.BOUNCE, "552 5.3.4 Bounce, why"),
        (Category(Major.MTA), Destiny.REJECT, "550 5.3.5 Reject, why"),
        (Category(Major.UNCHECKED), Destiny.REJECT, "554 5.7.0 Reject, why"),
    ],
)
def test_blocked(category: Category, destiny: Destiny, expected: str) -> None:
    """B5.09, B5.10."""
    assert str(replies.blocked(stopped("a@b.example", destiny, category=category, reason="why"))) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Destiny.REJECT, "450 4.7.0 Reject (soft_bounce), why"),
        (Destiny.BOUNCE, "450 4.7.0 Bounce (soft_bounce), why"),
        (None, "450 4.7.0 Temporary failure, why"),
    ],
)
def test_blocked_under_soft_bounce(wanted: Destiny | None, expected: str) -> None:
    """Contract B5.08, B5.10."""
    assert str(replies.blocked(stopped("a@b.example", Destiny.TEMPFAIL, softened=wanted, reason="why"))) == expected


def test_softened_refusal_of_the_hop() -> None:
    """Contract B5.08: 5xx only; what is no refusal for good stays as it is."""
    refused = replies.refused(HOP, HopReply(550, "5.1.1", "unknown"))
    assert str(replies.softened(refused)) == (
        "450 4.1.1 from MTA(smtp:[127.0.0.1]:10025): 550 5.1.1 unknown (soft_bounce)"
    )
    for reply in (Reply(451, "4.3.0", "later"), Reply(250, "2.0.0", "ok")):
        assert replies.softened(reply) is reply


def test_reason_is_cut() -> None:
    """B5.11."""
    reply = replies.blocked(stopped("a@b.example", Destiny.REJECT, reason="x" * 1000))
    assert reply.text == "Reject, " + "x" * 450


def test_relayed_keeps_the_queue_id_at_the_end() -> None:
    """B6.09, features 6.05; also when the hop is talkative."""
    reply = replies.relayed(HOP, HopReply(250, "2.0.0", "Ok: queued as ABC"), ID)
    assert str(reply) == ("250 2.6.0 Ok, id=04711-01, from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as ABC")
    long = join_lines(250, ["2.0.0 " + "word " * 200 + "queued as 4YxZ"])
    assert str(replies.relayed(HOP, long, ID)).endswith("queued as 4YxZ")
    assert len(str(replies.relayed(HOP, long, ID))) < 510
    assert long.queued_as == "4YxZ"


def test_refused_supplies_a_missing_status() -> None:
    """B7.06."""
    assert str(replies.refused(HOP, HopReply(550, "5.1.1", "unknown"))) == (
        "550 5.1.1 from MTA(smtp:[127.0.0.1]:10025): 550 5.1.1 unknown"
    )
    assert str(replies.refused(HOP, HopReply(451, "", "later"))) == (
        "451 4.0.0 from MTA(smtp:[127.0.0.1]:10025): 451 later"
    )


def test_failed() -> None:
    """B7.06, word by word."""
    target = "MTA(smtp:[127.0.0.1]:10025)"
    assert str(replies.failed(HOP, HopTimeoutError("MAIL", "x"), ID)) == (
        f"450 4.4.2 Timed out during MAIL, {target}, id={ID}"
    )
    assert str(replies.failed(HOP, HopUnreachableError("connect", "Connection refused"), ID)) == (
        f"450 4.4.1 Connection refused, {target}, id={ID}"
    )
    assert str(replies.failed(HOP, HopBrokenError("RCPT", "connection lost"), ID)) == (
        f"451 4.5.0 From {target} during RCPT (connection lost): id={ID}"
    )


def test_notified() -> None:
    """B6.08."""
    original = Reply(554, "5.7.0", "Bounce, why")
    assert str(replies.notified("a@b.example", original)) == (
        "250 2.5.0 Ok <a@b.example>, DSN was sent (554 5.7.0 Bounce, why)"
    )
    assert str(replies.not_notified("a@b.example", original)) == (
        "250 2.5.0 Ok <a@b.example>, DSN suppressed (554 5.7.0 Bounce, why)"
    )


def test_suffix() -> None:
    """B5.12."""
    ok = Reply(250, "2.5.0", "Ok, id=1")
    assert replies.with_suffix(ok, [("REJECT", 1), ("BOUNCE", 2), ("DISCARD", 1)]).text == (
        "Ok, id=1, but 1 REJECT, and 2 BOUNCE, and 1 DISCARD"
    )
    assert replies.with_suffix(ok, [("REJECT", 0), ("BOUNCE", 0)]) == ok


@pytest.mark.parametrize("line", [b"", b"25", b"250x y", b"199 a", b"650 a", b"abc def", b"2500 x", b"\xff\xff"])
def test_what_is_no_reply(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_line(line + b"\r\n")


def test_hostile_reply_cannot_break_ours() -> None:
    code, more, text = parse_line(b"250 Ok\x00\x07\xc3\xa9\r\rRCPT\n")
    assert (code, more) == (250, False)
    assert text.isascii()
    assert text.isprintable()


def test_enhanced_code_of_another_class_is_text() -> None:
    assert join_lines(550, ["2.1.5 odd"]) == HopReply(550, "", "2.1.5 odd", ("2.1.5 odd",))
