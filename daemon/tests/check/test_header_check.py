"""The header check (contract B5.01, B5.11; features 6.12)."""

import time
from collections.abc import Awaitable, Callable

import pytest
from checking import run_checks

from mailcordon.check.header import TESTS
from mailcordon.config.settings import Settings
from mailcordon.mail.category import Category, Major
from mailcordon.mail.finding import Finding
from mailcordon.mail.message import Mail
from samples import plain, with_attachment

MakeMail = Callable[..., Mail]
Run = Callable[..., Awaitable[list[Finding]]]

GOOD = (
    b"Received: from a\r\n\tby b; Sun, 22 Nov 2026 12:00:00 +0000\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
    b"From: a@a.test\r\nSubject: x\r\n"
)


@pytest.fixture
def run(make_settings: Callable[..., Settings], make_mail: MakeMail) -> Run:
    """Runs the check as the registry does, with the scanners off."""

    async def check(octets: bytes, **overrides: object) -> list[Finding]:
        settings = make_settings(**{"bypass_virus_checks": True, "bypass_spam_checks": True, **overrides})
        findings = await run_checks(make_mail(octets), settings)
        return list(findings.found)

    return check


@pytest.mark.parametrize(
    ("faulty", "minor", "problem", "twin"),
    [
        (
            GOOD + b"Content-Transfer-Encoding: base63\r\n",
            1,
            "MIME error: unknown content transfer encoding",
            GOOD + b"Content-Transfer-Encoding: base64\r\n",
        ),
        (
            GOOD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\nno delimiter\r\n",
            1,
            "MIME error: multipart without parts",
            GOOD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
        ),
        (
            GOOD + b"X-A: caf\xe9\r\n",
            2,
            "Non-encoded non-ASCII data (and not UTF-8) (char E9 hex): X-A",
            GOOD + b"X-A: caf\xc3\xa9\r\n",
        ),
        (GOOD + b"X-A: a\x00b\r\n", 3, "Improper use of control character (char 00 hex): X-A", GOOD + b"X-A: a\tb\r\n"),
        (GOOD + b"X-A: a\x7fb\r\n", 3, "Improper use of control character (char 7F hex): X-A", GOOD + b"X-A: a~b\r\n"),
        (GOOD + b"X-A: a\rb\r\n", 3, "Improper use of control character (char 0D hex): X-A", GOOD + b"X-A: ab\r\n"),
        (
            GOOD + b"X-A: a\r\n \t\r\n b\r\n",
            4,
            "Improper folded header field made up entirely of whitespace: X-A",
            GOOD + b"X-A: a\r\n \tb\r\n",
        ),
        (
            GOOD + b"X-A: " + b"a" * 994 + b"\r\n",
            5,
            "Header line longer than 998 characters: X-A",
            GOOD + b"X-A: " + b"a" * 993 + b"\r\n",
        ),
        (GOOD + b"no field\r\n", 6, "Invalid header field: line after Subject", GOOD + b"A-field: x\r\n"),
        (
            b"From a@a.test Sun Nov 22\r\n" + GOOD,
            6,
            "Invalid header field: the first line is none",
            b"From-: a@a.test Sun Nov 22\r\n" + GOOD,
        ),
        (GOOD.replace(b"Date:", b"Dat:"), 7, 'Missing required header field: "Date"', GOOD),
        (
            GOOD.replace(b"From:", b"Fro:"),
            7,
            'Missing required header field: "From"',
            GOOD.replace(b"From:", b"FROM :"),
        ),
        (GOOD + b"SUBJECT: y\r\n", 8, 'Duplicate header field: "SUBJECT"', GOOD + b"Received: y\r\n"),
    ],
)
async def test_each_fault_and_its_twin(run: Run, faulty: bytes, minor: int, problem: str, twin: bytes) -> None:
    """Contract B5.01: each fault has its minor category; the twin that is sound has none."""
    if b"\r\n\r\n" not in faulty:
        faulty, twin = faulty + b"\r\nbody\r\n", twin + b"\r\nbody\r\n"
    assert await run(faulty) == [Finding(Category(Major.BAD_HEADER, minor), problem, "header")]
    assert await run(twin) == []


async def test_several_faults(run: Run) -> None:
    """One finding for each kind, however often it occurs."""
    found = await run(b"X: a\x01\r\nX: b\x02\r\nTo: a\r\nTo: b\r\nTo: c\r\n\r\n")
    assert [finding.category.minor for finding in found] == [3, 7, 8]


async def test_tests_may_be_left_out(run: Run, make_settings: Callable[..., Settings]) -> None:
    """`allowed_header_tests` knows every test by its name; recipients may bypass the check."""
    octets = b"X: a\x01\r\n\r\n"
    assert set(make_settings().allowed_header_tests) == set(TESTS)
    assert [finding.category.minor for finding in await run(octets, allowed_header_tests={"missing": False})] == [3]
    assert await run(octets, bypass_header_checks=True) == []


@pytest.mark.parametrize("octets", [plain(), with_attachment(b"x"), plain(subject="=?utf-8?q?h=C3=A9?=")])
async def test_samples_are_sound(run: Run, octets: bytes) -> None:
    """Features 6.12: every message that we ship for tests passes."""
    assert await run(octets) == []


@pytest.mark.parametrize("piece", [b"A: b\r\n", b"x\r\n", b" \r\n", b"\x00", b"\xff", b"a" * 2000 + b"\r\n"])
async def test_effort_is_bounded(run: Run, piece: bytes) -> None:
    """Design rule 5: five megabytes of header take a moment."""
    start = time.process_time()
    assert await run(b"A: " + piece * (5_000_000 // len(piece)))
    assert time.process_time() - start < 8
