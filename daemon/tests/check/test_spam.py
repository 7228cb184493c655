"""The spam check against a real spamd (B14.06, B9.08; features 8.08; checklist 5, 11)."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from checking import run_checks

from mailcordon.check.registry import Checks
from mailcordon.check.spam import scanner_fields
from mailcordon.config.policy import policies_for_mail
from mailcordon.config.settings import Settings
from mailcordon.errors import ScannerError
from mailcordon.mail.envelope import Session
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.unpack import split
from samples import gtube, gtube_twin, plain
from servers import CountingSocket, Spamd

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]


def scanner(path: str, name: str = "SpamAssassin") -> dict[str, str]:
    return {"name": name, "protocol": "spamd", "socket": path}


@pytest.fixture
def rated(make_settings: MakeSettings) -> MakeSettings:
    """Settings with spam checks on and virus checks off."""

    def make(**overrides: object) -> Settings:
        return make_settings(**{"bypass_spam_checks": False, "av_scanners": [], **overrides})

    return make


async def test_gtube_and_its_twin(spamd: Spamd, rated: MakeSettings, make_mail: MakeMail) -> None:
    """With the report of an ordinary spamd: points of one place, no autolearn."""
    settings = rated(spam_scanners=[scanner(spamd.path)])
    spam = (await run_checks(make_mail(plain(gtube() + b"\r\n")), settings)).spam
    assert spam is not None
    assert spam.score >= 999
    assert dict(spam.tests)["GTUBE"] == 1000
    assert (spam.autolearn, spam.source) == (None, "SpamAssassin")
    twin = (await run_checks(make_mail(plain(gtube_twin() + b"\r\n")), settings)).spam
    assert twin is not None
    assert twin.score < 5
    assert "GTUBE" not in dict(twin.tests)
    assert twin.tests


async def test_exact_points(exact_spamd: Spamd, rated: MakeSettings, make_mail: MakeMail) -> None:
    """With the report that our role sets up: three places, as amavisd has them."""
    settings = rated(spam_scanners=[scanner(exact_spamd.path)])
    spam = (await run_checks(make_mail(b"Subject: no other fields\r\n\r\nHello\r\n"), settings)).spam
    assert spam is not None
    points = [value for _, value in spam.tests if value is not None]
    assert spam.score == round(sum(points), 3)
    assert any(round(value, 1) != value for value in points)
    assert spam.autolearn in ("no", "unavailable", "disabled")


async def test_several_scanners_are_summed(
    spamd: Spamd, exact_spamd: Spamd, rated: MakeSettings, make_mail: MakeMail
) -> None:
    settings = rated(spam_scanners=[scanner(spamd.path, "one"), scanner(exact_spamd.path, "two")])
    spam = (await run_checks(make_mail(plain(gtube())), settings)).spam
    assert spam is not None
    assert spam.score >= 1998
    assert [name for name, _ in spam.tests].count("GTUBE") == 2
    assert spam.source == "one, two"


async def test_scanner_sees_the_envelope(exact_spamd: Spamd, rated: MakeSettings, make_mail: MakeMail) -> None:
    """B9.08: the extra fields are seen as fields; SpamAssassin has tests on the envelope sender."""
    settings = rated(spam_scanners=[scanner(exact_spamd.path)])
    mail = make_mail(plain(), sender="", recipients=["bob@example.test", "eve@example.test"])
    assert scanner_fields(mail) == (
        b"Return-Path: <>\r\n"
        b"X-Envelope-To: <bob@example.test>,\r\n <eve@example.test>\r\n"
        b"X-Amavis-PolicyBank:\r\n"
        b"X-Amavis-MessageSize: " + str(mail.size).encode() + b"\r\n"
    )
    spam = (await run_checks(mail, settings)).spam
    assert spam is not None
    assert "MISSING_DATE" not in dict(spam.tests), "our fields must not end the header section"


@pytest.mark.parametrize(("banks", "field"), [((), b""), (("ORIGINATING", "MYNETS"), b" ORIGINATING/MYNETS")])
async def test_scanner_sees_the_policy_banks(make_mail: MakeMail, banks: tuple[str, ...], field: bytes) -> None:
    """B4.02, B9.08: the path of the banks, and an empty field without any, so that rules may tell both."""
    mail = make_mail(plain(), session=Session(policy_banks=banks))
    assert b"\r\nX-Amavis-PolicyBank:" + field + b"\r\n" in scanner_fields(mail)


async def test_eight_bit_addresses_are_given_as_they_came(make_mail: MakeMail) -> None:
    mail = make_mail(plain(), sender="m\udce4x@sender.example")
    assert scanner_fields(mail).startswith(b"Return-Path: <m\xe4x@sender.example>\r\n")


async def test_size_limit(spamd: Spamd, rated: MakeSettings, make_mail: MakeMail) -> None:
    mail = make_mail(plain(gtube()))
    at_limit = rated(spam_scanners=[scanner(spamd.path)], sa_mail_body_size_limit=mail.size)
    assert (await run_checks(mail, at_limit)).spam is not None
    below = rated(spam_scanners=[scanner(spamd.path)], sa_mail_body_size_limit=mail.size - 1)
    assert (await run_checks(mail, below)).spam is None
    unlimited = rated(spam_scanners=[scanner(spamd.path)], sa_mail_body_size_limit=0)
    assert (await run_checks(mail, unlimited)).spam is not None


async def test_bypassed_by_all_recipients_touches_no_socket(
    rated: MakeSettings, make_mail: MakeMail, counting_socket: CountingSocket
) -> None:
    """Features 5.29, 8.08, checklist 5."""
    settings = rated(spam_scanners=[scanner(counting_socket.path)], bypass_spam_checks=[".example.test"])
    assert await run_checks(make_mail(plain(gtube())), settings) == Findings()
    assert counting_socket.connections == 0


@pytest.mark.parametrize("lists", [{"blacklist_sender": ["."]}, {"whitelist_sender": ["sender.example"]}])
async def test_not_asked_where_all_recipients_have_listed_the_sender(
    rated: MakeSettings, make_mail: MakeMail, counting_socket: CountingSocket, lists: dict[str, list[str]]
) -> None:
    """Contract B3.21: a score would change nothing. The twin of one recipient without a list needs one."""
    mail = make_mail(plain(), recipients=["bob@example.test", "eve@example.test"])
    own = {
        f"per_recip_{name}_lookup_tables": {"hash": {"bob@example.test": senders}} for name, senders in lists.items()
    }
    for settings, connections in ((lists, 0), (own, 2)):
        checks = Checks(rated(spam_scanners=[scanner(counting_socket.path)], **settings))
        policies = policies_for_mail(rated(**settings), mail)
        with contextlib.suppress(ScannerError):
            await checks.run(mail, split(mail.content.view()).root, policies)
        await checks.close()
        assert counting_socket.connections == connections


async def test_failure_is_temporary_after_one_more_try(
    rated: MakeSettings, make_mail: MakeMail, counting_socket: CountingSocket, caplog: pytest.LogCaptureFixture
) -> None:
    settings = rated(spam_scanners=[scanner(counting_socket.path)], bypass_spam_checks=[".other.test"])
    with pytest.raises(ScannerError, match=r"^spamd at \S+counting\.sock: "):
        await run_checks(make_mail(plain(gtube())), settings)
    assert counting_socket.connections == 2
    assert caplog.messages[0].startswith(
        f"(04711-01) spam scanner SpamAssassin FAILED - spamd at {counting_socket.path}"
    )


async def test_failure_leaves_no_score_when_not_fatal(rated: MakeSettings, make_mail: MakeMail, tmp_path: Path) -> None:
    settings = rated(spam_scanners=[scanner(str(tmp_path / "absent.sock"))], spam_scanners_failure_is_fatal=False)
    assert await run_checks(make_mail(plain(gtube())), settings) == Findings()


async def test_failed_virus_check_does_not_wait_for_the_spam_check(
    rated: MakeSettings, make_mail: MakeMail, tmp_path: Path
) -> None:
    """The spam scanner takes the connection and never answers; its own time limit lies far behind that of the test."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        settings = rated(
            bypass_virus_checks=False,
            av_scanners=[{"name": "gone", "protocol": "clamd", "socket": str(tmp_path / "absent.sock")}],
            spam_scanners=[scanner(str(tmp_path / "silent.sock"))],
            spam_scan_timeout=600,
        )
        async with asyncio.timeout(30):
            with pytest.raises(ScannerError, match="ALL VIRUS SCANNERS FAILED"):
                await run_checks(make_mail(plain()), settings)


async def test_silent_scanner_runs_into_the_time_limit(
    rated: MakeSettings, make_mail: MakeMail, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        settings = rated(spam_scanners=[scanner(str(tmp_path / "silent.sock"))], spam_scan_timeout=1)
        with pytest.raises(ScannerError, match="no answer within 1 s"):
            await run_checks(make_mail(plain()), settings)


async def test_discovery(spamd: Spamd, rated: MakeSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Features 5.27, B8.08, checklist 22."""
    absent = str(tmp_path / "absent.sock")
    checks = Checks(rated(spam_scanners=[scanner(spamd.path), scanner(absent, "gone")]))
    with caplog.at_level(logging.INFO):
        await checks.ready()
    assert caplog.messages == [
        f"Found spam scanner SpamAssassin at {spamd.path}",
        f"No answer from spam scanner gone: spamd at {absent}: No such file or directory",
    ]
