"""The edited copy: our fields on top, everything else octet for octet (design rule 3, B9.01, features 6.07)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcordon.act.dot_stuffing import in_blocks, stuffed
from mailcordon.act.edit import CHUNK_SIZE, EditedMessage, edit
from mailcordon.mail.header import HeaderEdits
from mailcordon.mail.message import Mail

MakeMail = Callable[..., Mail]
TRACE = b"Received: from x\r\n"


def copy_of(mail: Mail, edits: HeaderEdits | None = None) -> bytes:
    message = edit(mail, edits or HeaderEdits(), received="from x")
    octets = b"".join(message.chunks())
    assert message.size == len(octets)
    return octets


@pytest.mark.parametrize(
    "octets",
    [
        b"Subject: x\r\n\r\nbody\r\n",
        b"Subject: x\n\nbare\nlines\n",
        b"Subject: x\r\n\r\n.\r\n..\r\n.lone\r\n\n.\n\r.\r",
        b"Subject: x\r\n\r\n8-bit \xe4\xf6\xfc\xff\x00\r\n",
        b"Subject: x\r\n\r\nno final newline",
        b"Subject: all header, no body\r\n",
        b"\r\nno header\r\n",
        b"no header at all",
        b"",
    ],
)
def test_original_follows_unchanged(make_mail: MakeMail, octets: bytes) -> None:
    """Design rule 3, features 6.07: whatever follows our fields is what came, so that signatures stay valid."""
    assert copy_of(make_mail(octets)) == TRACE + octets


def test_new_fields_in_the_order_given_below_received(make_mail: MakeMail) -> None:
    """Contract B9.01, features 6.07: above the first field of the original."""
    edits = HeaderEdits(prepend=(("X-Virus-Scanned", "by us"), ("X-Spam-Flag", "NO")))
    assert copy_of(make_mail(b"A: 1\r\n\r\nb"), edits) == (
        TRACE + b"X-Virus-Scanned: by us\r\nX-Spam-Flag: NO\r\nA: 1\r\n\r\nb"
    )


def test_removal_takes_every_occurrence_with_its_folds_and_nothing_else(make_mail: MakeMail) -> None:
    """B9.01; a line that is no field belongs to nobody and stays."""
    octets = (
        b"X-Spam-Status: No,\r\n tests=[]\r\n\tmore\r\nFrom: a\r\nx-spam-status: Yes\r\nnot a field\r\nTo: b\r\n"
        b"X-Spam-Status: last\r\n\r\nX-Spam-Status: in the body\r\n"
    )
    assert copy_of(make_mail(octets), HeaderEdits(remove=frozenset({"x-spam-status"}))) == (
        TRACE + b"From: a\r\nnot a field\r\nTo: b\r\n\r\nX-Spam-Status: in the body\r\n"
    )


def test_forged_fields_do_not_hide_behind_many_others(make_mail: MakeMail) -> None:
    octets = b"A: 1\r\n" * 20_000 + b"X-Spam-Status: No\r\n\r\nb"
    copy = copy_of(make_mail(octets), HeaderEdits(remove=frozenset({"x-spam-status"})))
    assert copy == TRACE + octets.replace(b"X-Spam-Status: No\r\n", b"")


def test_without_edits_forged_fields_stay(make_mail: MakeMail) -> None:
    """The twin of the removal: only what the edits name is touched."""
    octets = b"X-Spam-Status: No\r\n\r\nb"
    assert copy_of(make_mail(octets), HeaderEdits(remove=frozenset({"x-spam-flag"}))) == TRACE + octets


@pytest.mark.parametrize(
    ("prefix", "before", "after"),
    [
        ("***SPAM*** ", b"Subject: buy\r\n", b"Subject: ***SPAM*** buy\r\n"),
        ("***SPAM*** ", b"SUBJECT:buy\r\n", b"SUBJECT: ***SPAM*** buy\r\n"),
        ("***SPAM*** ", b"Subject: \xff\xfe raw\r\n", b"Subject: ***SPAM*** \xff\xfe raw\r\n"),
        ("***SPAM*** ", b"Subject:\r\n folded\r\n", b"Subject: ***SPAM*** \r\n folded\r\n"),
        ("[S]", b"Subject: =?utf-8?Q?x?=\r\n", b"Subject: [S] =?utf-8?Q?x?=\r\n"),
        ("***SPAM*** ", b"From: a\r\n", b"Subject: ***SPAM***\r\nFrom: a\r\n"),
        ("Müll ", b"Subject: buy\r\n", b"Subject: =?utf-8?B?TcO8bGw=?= buy\r\n"),
        ("* ", b"Subject: one\r\nA: 1\r\nSubject: two\r\n", b"Subject: * one\r\nA: 1\r\nSubject: * two\r\n"),
        ("a\r\nBcc: b ", b"Subject: buy\r\n", b"Subject: a Bcc: b buy\r\n"),
    ],
)
def test_subject_prefix(make_mail: MakeMail, prefix: str, before: bytes, after: bytes) -> None:
    """B9.03: what stood in the subject stays as it was."""
    copy = copy_of(make_mail(before + b"\r\nSubject: body\r\n"), HeaderEdits(subject_prefix=prefix))
    assert copy == TRACE + after + b"\r\nSubject: body\r\n"


def test_prefix_does_not_make_an_over_long_line(make_mail: MakeMail) -> None:
    octets = b"Subject: " + b"x" * 985 + b"\r\n\r\nb"
    copy = copy_of(make_mail(octets), HeaderEdits(subject_prefix="***SPAM*** "))
    assert max(map(len, copy.split(b"\r\n"))) <= 998
    assert copy.replace(b"\r\n ", b" ").startswith(TRACE + b"Subject: ***SPAM*** xxx")


def test_first_line_cannot_continue_our_field(make_mail: MakeMail) -> None:
    edits = HeaderEdits(prepend=(("X-Spam-Flag", "NO"),))
    assert copy_of(make_mail(b" YES\r\nFrom: a\r\n\r\nb"), edits) == (
        TRACE + b"X-Spam-Flag: NO\r\n\r\n YES\r\nFrom: a\r\n\r\nb"
    )


def unstuffed(wire: bytes) -> bytes:
    """As Postfix reads it: lines end with LF, a leading dot goes, `.` alone is the end."""
    assert wire.endswith(b"\r\n.\r\n") or wire == b".\r\n"
    return b"\n".join(line.removeprefix(b".") for line in wire[:-3].split(b"\n"))


def assert_travels(octets: bytes) -> None:
    wire = b"".join(in_blocks(stuffed(EditedMessage([octets]).chunks()), 7))
    for end in (b"\r\n.\r\n", b"\n.\n", b"\n.\r\n"):
        # None of them before the real end, for whatever the next hop takes to be one (SMTP smuggling).
        assert wire.find(end) in (-1, len(wire) - len(end))
    assert not wire.startswith((b".\n", b".\r\n")) or len(wire) == 3
    expected = octets if octets.endswith(b"\r\n") or not octets else octets + b"\r\n"
    assert unstuffed(wire) == expected


@given(st.lists(st.sampled_from([b".", b"\r", b"\n", b"\r\n", b"a", b"\xff", b"\r\n.\r\n", b"\n.\n"]), max_size=40))
def test_dot_stuffing_returns_the_body(pieces: list[bytes]) -> None:
    """B6.12, features 18.19: property over everything that dots and line ends can be made into."""
    assert_travels(b"".join(pieces))


@pytest.mark.parametrize("shift", [-2, -1, 0, 1, 2])
def test_dot_stuffing_across_chunks(shift: int) -> None:
    for tail in (b"\r\n.\r\n.x\r\n", b"\n.\n", b"\r\n"):
        assert_travels(b"a" * (CHUNK_SIZE - 2 + shift) + tail)


LONG = b"Subject: " + b"x" * 1200
FOLDED = b"Subject: one\r\n \t \r\n two\r\n"


@pytest.mark.parametrize(
    ("header", "mended"),
    [
        (LONG + b"\r\nTo: b\r\n", LONG[:998] + b"\r\nTo: b\r\n"),
        (LONG + b"\nTo: b\n", LONG[:998] + b"\nTo: b\n"),
        (b"A: 1\r\n " + b"x" * 997 + b"\r\n", b"A: 1\r\n " + b"x" * 997 + b"\r\n"),
        (b"A: 1\r\n " + b"x" * 998 + b"\r\n", b"A: 1\r\n " + b"x" * 997 + b"\r\n"),
        (b"A: " + b"x" * 994 + "äö".encode() + b"\r\n", b"A: " + b"x" * 994 + b"\r\n"),
        (b"A: " + b"x" * 993 + "äö".encode() + b"\r\n", b"A: " + b"x" * 993 + "ä".encode() + b"\r\n"),
        (b"A: " + b"x" * 993 + "😀".encode() + b"\r\n", b"A: " + b"x" * 993 + b"\r\n"),
    ],
)
def test_long_lines_are_cut_where_that_is_allowed(make_mail: MakeMail, header: bytes, mended: bytes) -> None:
    """Contract B9.07: at 998 octets, never within a character; the body is not touched. Off, nothing changes."""
    octets = header + b"\r\n" + b"y" * 2000 + b"\r\n"
    assert copy_of(make_mail(octets), HeaderEdits(cut_long_lines=True)) == (
        TRACE + mended + b"\r\n" + b"y" * 2000 + b"\r\n"
    )
    assert copy_of(make_mail(octets)) == TRACE + octets


@pytest.mark.parametrize(
    ("header", "mended"),
    [
        (FOLDED, b"Subject: one\r\n two\r\n"),
        (b"Subject: one\n \n\t\n two\n", b"Subject: one\n two\n"),
        (b"Subject: one\r\n .\r\n", b"Subject: one\r\n .\r\n"),
        (b"A:\r\n \r\nB: 1\r\n", b"A:\r\nB: 1\r\n"),
    ],
)
def test_blank_folds_are_dropped_where_that_is_allowed(make_mail: MakeMail, header: bytes, mended: bytes) -> None:
    """Contract B9.07: folded lines of white space only. Off, nothing changes."""
    octets = header + b"\r\n \r\nbody\r\n"
    assert copy_of(make_mail(octets), HeaderEdits(drop_blank_lines=True)) == TRACE + mended + b"\r\n \r\nbody\r\n"
    assert copy_of(make_mail(octets)) == TRACE + octets


@pytest.mark.parametrize(
    ("body", "stays"),
    [
        (b" gate.example.test; spf=pass", False),
        (b" GATE.example.TEST 1; none", False),
        (b"gate.example.test", False),
        (b' "gate.example\\.test"; dkim=pass', False),
        (b" (of (late) \\) ) gate.example.test; dkim=pass", False),
        (b"\r\n gate.example.test;\r\n dkim=pass", False),
        (b" ; dkim=pass", False),
        (b" (never closed gate.example.test; dkim=pass", False),
        (b" other.example/gate.example.test; dkim=pass", False),
        (b"", False),
        (b" mx.other.example; dkim=pass", True),
        (b" notgate.example.test; dkim=pass", True),
        (b" mx.other.example (gate.example.test); dkim=pass", True),
    ],
)
def test_forged_results_of_our_own_are_removed(make_mail: MakeMail, body: bytes, stays: bool) -> None:
    """Contract B9.01, RFC 8601 5: ours, and those of nobody that can be read; others' stay as they are."""
    field = b"authentication-results:" + body + b"\r\n"
    octets = b"From: a\r\n" + field + b"To: b\r\n\r\nbody\r\n"
    copy = copy_of(make_mail(octets), HeaderEdits(authserv_id="gate.example.test"))
    assert copy == TRACE + (octets if stays else octets.replace(field, b""))
    assert copy_of(make_mail(octets)) == TRACE + octets


def test_hostile_results_take_no_time(make_mail: MakeMail) -> None:
    """Contract B9.01: comments in comments without end, and a word that never ends."""
    for body in (b"(" * 200_000, b'"' + b"\\" * 200_001, b"()" * 100_000 + b"x"):
        copy = copy_of(make_mail(b"Authentication-Results: " + body + b"\r\n\r\n"), HeaderEdits(authserv_id="gate"))
        assert (body in copy) is (body[-1:] == b"x")
