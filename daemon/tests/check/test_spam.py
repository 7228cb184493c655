"""The spam check against a real spamd (B14.06, B9.08; features 8.08; checklist 5, 11)."""

import asyncio
import contextlib
import logging
import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from checking import inputs, run_checks

from mailcordon.check.registry import Checks
from mailcordon.check.scanner_fields import scanner_fields
from mailcordon.config.policy import policies_for_mail, policy_for
from mailcordon.config.settings import Settings
from mailcordon.errors import ScannerError
from mailcordon.judge.judge import judge
from mailcordon.log_levels import DETAIL
from mailcordon.mail.envelope import Recipient, Session
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from mailcordon.mail.timing import Timing
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


async def test_points_are_weighted(exact_spamd: Spamd, rated: MakeSettings, make_mail: MakeMail) -> None:
    """B14.06: score_factor, of the score and of each test."""
    found = []
    for factor in (1.0, 0.5):
        settings = rated(spam_scanners=[{**scanner(exact_spamd.path), "score_factor": factor}])
        found.append((await run_checks(make_mail(plain(gtube())), settings)).spam)
    whole, half = found
    assert whole is not None
    assert half is not None
    assert whole.score >= 999
    assert half.score == round(whole.score / 2, 3)
    assert dict(half.tests)["GTUBE"] == 500


async def test_size_limit_of_an_entry(
    spamd: Spamd, exact_spamd: Spamd, rated: MakeSettings, make_mail: MakeMail
) -> None:
    """B14.06: each entry may have its own, in place of sa_mail_body_size_limit."""
    mail = make_mail(plain(gtube()))
    entries = [
        {**scanner(spamd.path, "small"), "mail_body_size_limit": mail.size - 1},
        {**scanner(exact_spamd.path, "large"), "mail_body_size_limit": mail.size},
    ]
    spam = (await run_checks(mail, rated(spam_scanners=entries, sa_mail_body_size_limit=1))).spam
    assert spam is not None
    assert spam.source == "large"
    assert (await run_checks(mail, rated(spam_scanners=entries[:1], sa_mail_body_size_limit=0))).spam is None


async def test_servers_of_one_entry_take_turns(
    spamd: Spamd, exact_spamd: Spamd, rated: MakeSettings, make_mail: MakeMail
) -> None:
    """B14.06: load spreading; only one of the two has the form of report that names the engine."""
    checks = Checks(rated(spam_scanners=[{**scanner(""), "socket": [spamd.path, exact_spamd.path]}]))
    found = [(await checks.run(*inputs(make_mail(plain(gtube())), rated()))).spam for _ in range(4)]
    await checks.close()
    assert all(spam is not None and spam.score >= 999 for spam in found)
    assert sorted(bool(spam and spam.checker) for spam in found) == [False, False, True, True]


async def test_another_server_of_the_entry_takes_over(
    spamd: Spamd, rated: MakeSettings, make_mail: MakeMail, counting_socket: CountingSocket
) -> None:
    """B14.06: fail-over; the one that has failed rests."""
    checks = Checks(rated(spam_scanners=[{**scanner(""), "socket": [counting_socket.path, spamd.path]}]))
    for _ in range(4):
        spam = (await checks.run(*inputs(make_mail(plain(gtube())), rated()))).spam
        assert spam is not None
        assert spam.score >= 999
    await checks.close()
    assert counting_socket.connections == 1


async def test_all_servers_of_an_entry_fail(
    rated: MakeSettings, make_mail: MakeMail, counting_socket: CountingSocket, tmp_path: Path
) -> None:
    entry = {**scanner(""), "socket": [counting_socket.path, str(tmp_path / "absent.sock")]}
    with pytest.raises(ScannerError) as failure:
        await run_checks(make_mail(plain()), rated(spam_scanners=[entry]))
    assert sorted(part.partition(": ")[0] for part in str(failure.value).split("; ")) == [
        f"spamd at {tmp_path}/absent.sock",
        f"spamd at {counting_socket.path}",
    ]
    assert counting_socket.connections == 1


async def test_silent_server_leaves_time_for_another(
    spamd: Spamd, rated: MakeSettings, make_mail: MakeMail, tmp_path: Path
) -> None:
    """Each server has its share of the time, whichever is asked first."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        entry = {**scanner(""), "socket": [str(tmp_path / "silent.sock"), spamd.path]}
        checks = Checks(rated(spam_scanners=[entry], spam_scan_timeout=10))
        for _ in range(2):
            assert (await checks.run(*inputs(make_mail(plain(gtube())), rated()))).spam is not None
        await checks.close()


async def test_what_the_engine_tells_of_itself(
    exact_spamd: Spamd, rated: MakeSettings, make_mail: MakeMail, caplog: pytest.LogCaptureFixture
) -> None:
    """Features 8.07, 16.07, B8.08: TIMING-SA at level 2, with sections; our own TIMING has the whole of it."""
    mail = replace(make_mail(b"Subject: no other fields\r\n\r\nHello\r\n"), timing=Timing())
    with caplog.at_level(DETAIL):
        spam = (await run_checks(mail, rated(spam_scanners=[scanner(exact_spamd.path)]))).spam
    assert spam is not None
    assert re.fullmatch(r"SpamAssassin \d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\) on \S+", spam.checker)
    assert dict(spam.descriptions)["MISSING_DATE"] == "Missing Date: header"
    timing = [record for record in caplog.records if "TIMING-SA" in record.getMessage()]
    assert [record.levelno for record in timing] == [DETAIL]
    assert re.match(r"\(04711-01\) TIMING-SA total \d+ ms - .*parse: \S+ \(\S+%\), ", timing[0].getMessage())
    assert mail.timing is not None
    assert "spam-SpamAssassin: " in mail.timing.report()


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


async def test_scanner_sees_the_fingerprint(make_mail: MakeMail) -> None:
    """B9.08, B16.10: what p0f says, without the client's address; no field without it."""
    mail = make_mail(plain())
    assert b"OS-Fingerprint" not in scanner_fields(mail)
    told = scanner_fields(replace(mail, os_fingerprint="Linux 3.x; dist: 7"))
    assert b"\r\nX-Amavis-OS-Fingerprint: Linux 3.x; dist: 7\r\nX-Amavis-PolicyBank:" in told


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


SITE_RULES = ("body SITE_WORD /siteword/", "score SITE_WORD 1")
PREFERENCES = {"bob": "score SITE_WORD 9", "eve@example.test": "score SITE_WORD -3"}


@pytest.fixture(scope="module")
def spamd_with_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spamd]:
    """Two users have points of their own for a rule."""
    # Not below pytest's directory: that is closed to other accounts, such as spamd's.
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        for user, line in PREFERENCES.items():
            (directory / user).mkdir(mode=0o755)
            (directory / user / "user_prefs").write_text(f"{line}\n")
        server = Spamd(tmp_path_factory.mktemp("users-spamd"), exact=True, rules=SITE_RULES, users=directory)
        server.start()
        yield server
        server.stop()


async def test_preferences_of_users(spamd_with_users: Spamd, rated: MakeSettings, make_mail: MakeMail) -> None:
    """B14.06: a message is rated once for each user, and each recipient gets the score of his."""
    names = {"bob@example.test": "bob", "robert@example.test": "bob", "eve@example.test": "$1", "sam@example.test": ""}
    mail = make_mail(plain(b"siteword\r\n"), recipients=names)
    settings = rated(spam_scanners=[scanner(spamd_with_users.path)], sa_username={"hash": names})
    before = spamd_with_users.output().count("checking message")
    findings = await run_checks(mail, settings)
    assert spamd_with_users.output().count("checking message") == before + 3
    points = {
        user: dict(spam.tests)["SITE_WORD"] if spam else None for user, spam in (findings.spam_by_user or {}).items()
    }
    assert points == {"bob": 9, "eve@example.test": -3, "": 1}
    assert findings.spam == findings.spam_for("bob"), "the highest stands for the message"
    verdicts = judge(mail, findings, policies_for_mail(settings, mail), settings)
    scores = [verdict.score for verdict in verdicts]
    assert [None if score is None else round(score - (scores[3] or 0), 3) for score in scores] == [8, 8, -4, 0]


async def test_one_user_for_all(spamd_with_users: Spamd, rated: MakeSettings, make_mail: MakeMail) -> None:
    mail = make_mail(plain(b"siteword\r\n"), recipients=["bob@example.test", "eve@example.test"])
    settings = rated(spam_scanners=[scanner(spamd_with_users.path)], sa_username="bob")
    findings = await run_checks(mail, settings)
    assert findings.spam_by_user is None
    assert findings.spam is not None
    assert dict(findings.spam.tests)["SITE_WORD"] == 9


@pytest.mark.parametrize("name", ["../bob", ".", "..", "a/b", "bob\r\nUser: eve", "b\xf6b", "b" * 201, "bob eve"])
def test_names_that_spamd_must_not_see(rated: MakeSettings, name: str) -> None:
    """They may be made of addresses, and spamd makes names of files of them."""
    assert policy_for(rated(sa_username=name), Recipient("bob@example.test")).sa_username == ""
    assert policy_for(rated(sa_username="b.ob+x=y@example.test"), Recipient("bob@example.test")).sa_username != ""


async def test_users_together_have_a_time_limit(rated: MakeSettings, make_mail: MakeMail, tmp_path: Path) -> None:
    """The second of these limits is that of the check, for all users."""
    names = {f"user{number}@example.test": f"user{number}" for number in range(6)}
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen(20)
        for fatal in (True, False):
            settings = rated(
                spam_scanners=[scanner(str(tmp_path / "silent.sock"))],
                sa_username={"hash": names},
                spam_scan_timeout=600,
                child_timeout=2,
                spam_scanners_failure_is_fatal=fatal,
            )
            mail = make_mail(plain(), recipients=names)
            async with asyncio.timeout(30):
                if fatal:
                    with pytest.raises(ScannerError, match=r"(spam scores|no answer) within"):
                        await run_checks(mail, settings)
                else:
                    findings = await run_checks(mail, settings)
                    assert findings.spam is None
                    assert findings.spam_by_user == dict.fromkeys(names.values())


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
