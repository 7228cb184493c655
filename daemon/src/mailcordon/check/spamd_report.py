"""What spamd answers to REPORT (protocol: `spamd/PROTOCOL` of the SpamAssassin distribution).

Two forms of the report are understood. With the lines

    clear_report_template
    report tests=_TESTSSCORES(,)_ autolearn=_AUTOLEARN_

in its `local.cf`, spamd gives the points of each test to three places, and the score follows from them. Any other spamd
is expected to have the usual table at the end of the report, where points and score are rounded to one place.
"""

import re

from mailcordon.errors import ProtocolError
from mailcordon.mail.finding import SpamScore

_STATUS_LINE = re.compile(r"SPAMD/\d+\.\d+ (\d+) (.*)")
_SPAM = re.compile(r"^Spam:\s*\w+\s*;\s*(-?\d+(?:\.\d+)?)\s*/", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(r"^Content-length:\s*(\d+)\s*$", re.IGNORECASE | re.MULTILINE)
_EXACT = re.compile(r"tests=(\S*)(?: autolearn=(\w+))?")
_EXACT_TEST = re.compile(r"([A-Z][A-Z0-9_]*)=(-?\d+(?:\.\d+)?)", re.IGNORECASE)
_TABLE_HEAD = re.compile(r"^-{4} -{10,} -{10,}\s*$", re.MULTILINE)
_TABLE_ROW = re.compile(r"^ {0,3}(-?\d+(?:\.\d+)?) +([A-Z][A-Z0-9_]*)(?: |$)", re.MULTILINE)

_ROUNDING = 0.051
"""How far spamd's score of one place may lie from the exact one."""


def parse_report(answer: bytes, source: str) -> SpamScore:
    """Read the answer to REPORT. Raises ProtocolError if it is an error, cut off, or not understood."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, _, fields = head.decode("latin-1").partition("\r\n")
    check_status(status)
    spam, length = _SPAM.search(fields), _LENGTH.search(fields)
    if spam is None or length is None:
        raise ProtocolError("answer without a score or a length")
    if len(body) < int(length.group(1)):
        raise ProtocolError("answer cut off")
    report = body.decode("utf-8", "replace")
    score = float(spam.group(1))
    exact = _EXACT.match(report)
    if exact is None:
        return SpamScore(score, _table(report), source=source)
    tests = tuple((name, float(points)) for name, points in _EXACT_TEST.findall(exact.group(1)))
    total = round(sum(points for _, points in tests), 3)
    # A plugin may change the score without a test of its own; then spamd's rounded one is nearer to the truth.
    return SpamScore(total if abs(total - score) <= _ROUNDING else score, tests, exact.group(2), source)


def check_status(line: str) -> None:
    """Raise ProtocolError unless the first line of an answer says EX_OK."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise ProtocolError("answer is not in the SPAMD protocol")
    if match.group(1) != "0":
        raise ProtocolError(f"error {match.group(1)} {match.group(2)}")


def _table(report: str) -> tuple[tuple[str, float], ...]:
    # The last head counts: above it stands a preview of the message, in which its sender may draw a table, too.
    heads = list(_TABLE_HEAD.finditer(report))
    if not heads:
        return ()
    return tuple((name, float(points)) for points, name in _TABLE_ROW.findall(report, heads[-1].end()))
