"""What spamd answers to REPORT (protocol: `spamd/PROTOCOL` of the SpamAssassin distribution).

Two forms of the report are understood. With the lines

    clear_report_template
    report tests=_TESTSSCORES(,)_ autolearn=_AUTOLEARN_
    report checker=SpamAssassin _VERSION_ (_SUBVERSION_) on _HOSTNAME_
    report timing=_TIMING_
    report _REPORT_

in its `local.cf`, spamd gives the points of each test to three places, and the score follows from them. Only the first
two are needed; without the others no more is known than what they tell: the name of the engine, where its time went
(spamd measures it with its option `--timing` only), and what the tests are about. Any other spamd is expected to have
the usual table at the end of the report, where points and score are rounded to one place.
"""

import re

from mailcordon.errors import ProtocolError
from mailcordon.mail.finding import SpamScore

_STATUS_LINE = re.compile(r"SPAMD/\d+\.\d+ (\d+) (.*)")
_SPAM = re.compile(r"^Spam:\s*\w+\s*;\s*(-?\d+(?:\.\d+)?)\s*/", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(r"^Content-length:\s*(\d+)\s*$", re.IGNORECASE | re.MULTILINE)
_EXACT = re.compile(r"tests=(\S*)(?: autolearn=(\w+))?[^\n]*\n?(?:checker=([^\n]*)\n)?(?:timing=([^\n]*)\n)?")
_EXACT_TEST = re.compile(r"([A-Z][A-Z0-9_]*)=(-?\d+(?:\.\d+)?)", re.IGNORECASE)
_EXACT_ROW = re.compile(r"^\* {1,3}-?\d+(?:\.\d+)? ([A-Z][A-Z0-9_]*) ([^\n]*(?:\n(?:\* {6,}|\[)[^\n]*)*)", re.MULTILINE)
_TABLE_HEAD = re.compile(r"^-{4} -{10,} -{10,}\s*$", re.MULTILINE)
_TABLE_ROW = re.compile(r"^ {0,3}(-?\d+(?:\.\d+)?) +([A-Z][A-Z0-9_]*)(?: +([^\n]*(?:\n {20,}[^\n]*)*))?$", re.MULTILINE)
_CONTINUED = re.compile(r"\s*\n\*?\s*")
_NOT_MEASURED = "total 0 ms"

_ROUNDING = 0.051
"""How far spamd's score of one place may lie from the exact one."""
_LONGEST_DESCRIPTION = 400


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
        tests, descriptions = _table(report)
        return SpamScore(score, tests, source=source, descriptions=descriptions)
    tests = tuple((name, float(points)) for name, points in _EXACT_TEST.findall(exact.group(1)))
    total = round(sum(points or 0.0 for _, points in tests), 3)
    timing = exact.group(4) or ""
    return SpamScore(
        # A plugin may change the score without a test of its own; then spamd's rounded one is nearer to the truth.
        total if abs(total - score) <= _ROUNDING else score,
        tests,
        exact.group(2),
        source,
        checker=exact.group(3) or "",
        timing="" if timing.startswith((_NOT_MEASURED, "_")) else timing,
        descriptions=tuple((name, _description(text)) for name, text in _EXACT_ROW.findall(report, exact.end())),
    )


def check_status(line: str) -> None:
    """Raise ProtocolError unless the first line of an answer says EX_OK."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise ProtocolError("answer is not in the SPAMD protocol")
    if match.group(1) != "0":
        raise ProtocolError(f"error {match.group(1)} {match.group(2)}")


def _table(report: str) -> tuple[tuple[tuple[str, float | None], ...], tuple[tuple[str, str], ...]]:
    """Points, and descriptions, of the tests in the table at the end."""
    # The last head counts: above it stands a preview of the message, in which its sender may draw a table, too.
    heads = list(_TABLE_HEAD.finditer(report))
    if not heads:
        return (), ()
    rows = _TABLE_ROW.findall(report, heads[-1].end())
    return (
        tuple((name, float(points)) for points, name, _ in rows),
        tuple((name, _description(text)) for _, name, text in rows),
    )


def _description(text: str) -> str:
    return _CONTINUED.sub(" ", text).strip()[:_LONGEST_DESCRIPTION]
