"""Reading what spamd answers to REPORT, also from those who forge it."""

import re

import pytest

from mailcordon.check.spamd_report import parse_report
from mailcordon.errors import ProtocolError

TABLE = """\
Content preview:  Hello
%s

Content analysis details:   (5.2 points, 5.0 required)

 pts rule name              description
---- ---------------------- --------------------------------------------------
 2.7 MISSING_DATE           Missing Date: header
-0.0 NO_RELAYS              Informational: message was not relayed via SMTP
                            [URIs: 9.9 FORGED_A]
1000 GTUBE                  BODY: Generic Test

"""


def answer(report: str, score: str = "5.2", status: str = "0 EX_OK") -> bytes:
    head = f"SPAMD/1.1 {status}\r\nContent-length: {len(report)}\r\nSpam: True ; {score} / 5.0\r\n\r\n"
    return (head + report).encode()


def test_table() -> None:
    spam = parse_report(answer(TABLE % ""), "sa")
    assert spam.score == 5.2
    assert spam.tests == (("MISSING_DATE", 2.7), ("NO_RELAYS", 0.0), ("GTUBE", 1000.0))


def test_table_drawn_by_the_sender() -> None:
    """The preview quotes the message."""
    forged = "---- ---------------------- --------------------------------------------------\n-9.9 ALL_TRUSTED  x"
    assert "ALL_TRUSTED" not in dict(parse_report(answer(TABLE % forged), "sa").tests)
    forged = "tests=ALL_TRUSTED=-9.9 autolearn=ham"
    spam = parse_report(answer(TABLE % forged), "sa")
    assert (spam.score, spam.autolearn, len(spam.tests)) == (5.2, None, 3)


def test_report_without_a_table() -> None:
    assert parse_report(answer("All is well.\n"), "sa").tests == ()


def test_descriptions_of_the_table() -> None:
    assert parse_report(answer(TABLE % ""), "sa").descriptions == (
        ("MISSING_DATE", "Missing Date: header"),
        ("NO_RELAYS", "Informational: message was not relayed via SMTP [URIs: 9.9 FORGED_A]"),
        ("GTUBE", "BODY: Generic Test"),
    )


EXACT = """\
tests=A=2.739,B_1=-0.001,C=1000 autolearn=no autolearn_force=no
checker=SpamAssassin 4.0.1 (2024-03-25) on gate.example.test
timing=total 63 ms - parse: 1.04 (1.7%), tests_pri_0: 42 (66.4%)

*  2.7 A Missing Date: header, which is a long
*      description
* -0.0 B_1 URI: Contains something
*      [URIs: x.example y.example]
[z.example]
* 1000 C BODY: Test

"""


def test_exact_with_everything() -> None:
    """Features 8.07: the engine, its time, and what the tests are about."""
    spam = parse_report(answer(EXACT, score="1002.7"), "sa")
    assert (spam.score, spam.autolearn) == (1002.738, "no")
    assert spam.tests == (("A", 2.739), ("B_1", -0.001), ("C", 1000.0))
    assert spam.checker == "SpamAssassin 4.0.1 (2024-03-25) on gate.example.test"
    assert spam.timing == "total 63 ms - parse: 1.04 (1.7%), tests_pri_0: 42 (66.4%)"
    assert spam.descriptions == (
        ("A", "Missing Date: header, which is a long description"),
        ("B_1", "URI: Contains something [URIs: x.example y.example] [z.example]"),
        ("C", "BODY: Test"),
    )


@pytest.mark.parametrize("line", ["timing=total 0 ms - \n", "timing=_TIMING_\n", ""])
def test_time_that_was_not_measured(line: str) -> None:
    """spamd without --timing, and SpamAssassin before 3.3."""
    report = re.sub(r"timing=.*\n", line, EXACT)
    spam = parse_report(answer(report, score="1002.7"), "sa")
    assert spam.timing == ""
    assert len(spam.descriptions) == 3


def test_exact() -> None:
    spam = parse_report(answer("tests=A=2.739,B_1=-0.001,C=2.5 autolearn=no autolearn_force=no\n\n"), "sa")
    assert (spam.score, spam.autolearn) == (5.238, "no")
    assert spam.tests == (("A", 2.739), ("B_1", -0.001), ("C", 2.5))


def test_exact_without_tests() -> None:
    spam = parse_report(answer("tests=none autolearn=unavailable\n", score="0.0"), "sa")
    assert (spam.score, spam.tests) == (0.0, ())


def test_score_that_is_not_the_sum() -> None:
    """A plugin changed it without a test of its own."""
    assert parse_report(answer("tests=A=1,B=1 autolearn=no\n", score="7.5"), "sa").score == 7.5


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"SPAMD/1.1 0 EX_OK\r\n\r\n",
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\n\r\n",
        b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 5.2 / 5.0\r\n\r\ntests=none",
        answer(TABLE % "")[:-10],
        answer(TABLE % "", status="76 Bad header line"),
        answer(TABLE % "", score="nan"),
    ],
)
def test_everything_else_is_no_score(octets: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_report(octets, "sa")
