"""The virus check: tiers, failure, bypass (design rule 2; B14.01, B14.04; features 7.02, 8.08; checklist 5, 20)."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from checking import inputs, run_checks

from mailcordon.check.registry import Checks
from mailcordon.config.settings import Settings
from mailcordon.errors import ScannerError
from mailcordon.mail.category import Category, Major
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from samples import eicar, eicar_twin, plain
from servers import SIGNATURE, Clamd, CountingSocket

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]


@pytest.fixture
def checked(make_settings: MakeSettings) -> MakeSettings:
    """Settings with virus checks on and spam checks off."""

    def make(**overrides: object) -> Settings:
        return make_settings(**{"bypass_virus_checks": False, "spam_scanners": [], **overrides})

    return make


def scanner(path: str, name: str = "ClamAV-clamd") -> dict[str, str]:
    return {"name": name, "protocol": "clamd", "socket": path}


async def test_infected_and_clean(
    clamd: Clamd, checked: MakeSettings, make_mail: MakeMail, caplog: pytest.LogCaptureFixture
) -> None:
    settings = checked(av_scanners=[scanner(clamd.path)])
    with caplog.at_level(logging.DEBUG):
        findings = await run_checks(make_mail(plain(eicar())), settings)
        twin = await run_checks(make_mail(plain(eicar_twin())), settings)
    assert (findings.virus_names, findings.virus_checked) == ((SIGNATURE,), True)
    assert (twin.virus_names, twin.virus_checked) == ((), True)
    assert f"(04711-01) run_av (ClamAV-clamd): INFECTED: {SIGNATURE}" in caplog.messages
    assert "(04711-01) run_av (ClamAV-clamd): CLEAN" in caplog.messages


async def test_all_scanners_of_a_tier_have_their_say(clamd: Clamd, checked: MakeSettings, make_mail: MakeMail) -> None:
    settings = checked(av_scanners=[scanner(clamd.path, "one"), scanner(f"127.0.0.1:{clamd.port}", "two")])
    findings = await run_checks(make_mail(plain(eicar())), settings)
    assert [finding.source for finding in findings.found] == ["one", "two"]
    assert findings.virus_names == (SIGNATURE,)


async def test_backup_is_asked_when_the_primary_failed(
    clamd: Clamd, checked: MakeSettings, make_mail: MakeMail, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    absent = str(tmp_path / "absent.sock")
    settings = checked(av_scanners=[scanner(absent)], av_scanners_backup=[scanner(clamd.path, "backup")])
    findings = await run_checks(make_mail(plain(eicar())), settings)
    assert [finding.source for finding in findings.found] == ["backup"]
    assert (await run_checks(make_mail(plain(eicar_twin())), settings)).found == ()
    failure = f"(04711-01) run_av (ClamAV-clamd) FAILED - clamd at {absent}: No such file or directory"
    assert failure in caplog.messages


async def test_backup_is_not_asked_when_a_primary_works(
    clamd: Clamd, checked: MakeSettings, make_mail: MakeMail, tmp_path: Path, counting_socket: CountingSocket
) -> None:
    settings = checked(
        av_scanners=[scanner(str(tmp_path / "absent.sock")), scanner(clamd.path, "second")],
        av_scanners_backup=[scanner(counting_socket.path, "backup")],
    )
    findings = await run_checks(make_mail(plain(eicar())), settings)
    assert [finding.source for finding in findings.found] == ["second"]
    assert counting_socket.connections == 0


async def test_all_failed_is_temporary(checked: MakeSettings, make_mail: MakeMail, tmp_path: Path) -> None:
    """Checklist 20: the client gets 451."""
    absent = scanner(str(tmp_path / "absent.sock"))
    settings = checked(av_scanners=[absent], av_scanners_backup=[absent])
    with pytest.raises(ScannerError, match=r"^ALL VIRUS SCANNERS FAILED$"):
        await run_checks(make_mail(plain()), settings)


async def test_none_configured_is_temporary(checked: MakeSettings, make_mail: MakeMail) -> None:
    with pytest.raises(ScannerError, match=r"^NO VIRUS SCANNERS AVAILABLE$"):
        await run_checks(make_mail(plain()), checked(av_scanners=[], av_scanners_backup=[]))


async def test_all_failed_is_unchecked_when_not_fatal(
    checked: MakeSettings, make_mail: MakeMail, tmp_path: Path
) -> None:
    settings = checked(av_scanners=[scanner(str(tmp_path / "absent.sock"))], virus_scanners_failure_is_fatal=False)
    findings = await run_checks(make_mail(plain(eicar())), settings)
    assert [(found.category, found.name) for found in findings.found] == [
        (Category(Major.UNCHECKED), "ALL VIRUS SCANNERS FAILED")
    ]
    assert not findings.virus_checked


async def test_stopped_and_started_again(own_clamd: Clamd, checked: MakeSettings, make_mail: MakeMail) -> None:
    """Checklist 23, 27: the same `Checks` object judges again as soon as clamd is back."""
    settings = checked(av_scanners=[scanner(own_clamd.path)])
    checks = Checks(settings)
    mail = make_mail(plain(eicar()))
    assert (await checks.run(*inputs(mail, settings))).virus_names
    own_clamd.stop()
    with pytest.raises(ScannerError):
        await checks.run(*inputs(mail, settings))
    own_clamd.start()
    assert (await checks.run(*inputs(mail, settings))).virus_names
    await checks.close()


async def test_bypassed_by_all_recipients_touches_no_socket(
    checked: MakeSettings, make_mail: MakeMail, counting_socket: CountingSocket
) -> None:
    """Features 5.28, 8.08, checklist 5."""
    mail = make_mail(plain(eicar()), recipients=["a@example.test", "b@example.test"])
    settings = checked(
        av_scanners=[scanner(counting_socket.path)],
        av_scanners_backup=[scanner(counting_socket.path)],
        bypass_virus_checks=[".example.test"],
    )
    assert await run_checks(mail, settings) == Findings()
    assert counting_socket.connections == 0


async def test_wanted_by_one_recipient_does(
    checked: MakeSettings, make_mail: MakeMail, counting_socket: CountingSocket
) -> None:
    """The twin of the test above: the counter does count."""
    mail = make_mail(plain(eicar()), recipients=["a@example.test", "b@other.test"])
    settings = checked(av_scanners=[scanner(counting_socket.path)], bypass_virus_checks=[".example.test"])
    with pytest.raises(ScannerError):
        await run_checks(mail, settings)
    assert counting_socket.connections == 1


async def test_discovery(clamd: Clamd, checked: MakeSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Features 5.27, 7.02, checklist 22."""
    absent = str(tmp_path / "absent.sock")
    settings = checked(
        av_scanners=[scanner(clamd.path), scanner(absent, "gone")],
        av_scanners_backup=[scanner(clamd.path, "spare")],
    )
    checks = Checks(settings)
    with caplog.at_level(logging.INFO):
        states = await checks.ready()
    await checks.close()
    assert [(state.name, state.tier, state.failure is None) for state in states] == [
        ("ClamAV-clamd", "primary", True),
        ("gone", "primary", False),
        ("spare", "secondary", True),
    ]
    assert caplog.messages == [
        "Using primary internal av scanner code for ClamAV-clamd",
        f"No answer from primary scanner gone: clamd at {absent}: No such file or directory",
        "Using secondary internal av scanner code for spare",
    ]


async def test_discovery_of_programs(
    checked: MakeSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture, make_mail: MakeMail
) -> None:
    """Features 5.07, 5.27, 7.02: found in `path`, of several names the first that is there; absent ones are named by
    tier and never asked."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "second").write_text("#!/bin/sh\nexit 0\n")
    (programs / "second").chmod(0o755)
    (programs / "not-executable").write_text("")
    settings = checked(
        path=f"{tmp_path}/nowhere:{programs}",
        av_scanners=[program(["first", "second"], "here"), program(["not-executable"], "gone")],
        av_scanners_backup=[program([str(programs / "absent")], "gone, too")],
    )
    left = settings.TEMPBASE / "scan-1-gone"
    left.mkdir()
    checks = Checks(settings)
    with caplog.at_level(logging.INFO):
        states = await checks.ready()
    assert caplog.messages == [
        "removed 1 directories of scanned mail whose processes are gone",
        f"Found primary av scanner here at {programs}/second",
        "No primary av scanner: gone",
        "No secondary av scanner: gone, too",
    ]
    assert not left.exists()
    assert [(state.is_absent, state.failure) for state in states] == [(False, None), (True, None), (True, None)]
    assert (await checks.run(*inputs(make_mail(plain()), settings))).virus_checked
    await checks.close()


async def test_only_absent_programs_are_no_scanner(checked: MakeSettings, make_mail: MakeMail) -> None:
    """Design rule 2."""
    settings = checked(av_scanners=[program(["/nowhere/scanner"])], av_scanners_backup=[program(["/nowhere/other"])])
    with pytest.raises(ScannerError, match=r"^NO VIRUS SCANNERS AVAILABLE$"):
        await run_checks(make_mail(plain()), settings)


def program(command: list[str], name: str = "program") -> dict[str, object]:
    rules = {"arguments": "{}", "clean": [0], "infected": [1]}
    return {"name": name, "protocol": "command", "command": command, **rules}


@pytest.mark.parametrize("stops", [False, True])
async def test_first_infected_stops_the_others(
    stops: bool, clamd: Clamd, own_clamd: Clamd, checked: MakeSettings, make_mail: MakeMail
) -> None:
    """B14.04: whoever is slower is not waited for; as packaged all have their say."""
    settings = checked(
        av_scanners=[scanner(own_clamd.path, "slow"), scanner(clamd.path, "quick")],
        first_infected_stops_scan=stops,
    )
    own_clamd.suspend()
    running = asyncio.create_task(run_checks(make_mail(plain(eicar())), settings))
    if not stops:
        assert not (await asyncio.wait([running], timeout=0.3))[0]
        own_clamd.resume()
    findings = await running
    own_clamd.resume()
    assert [finding.source for finding in findings.found] == (["quick"] if stops else ["slow", "quick"])


async def test_remembered_verdicts(
    own_clamd: Clamd, checked: MakeSettings, make_mail: MakeMail, caplog: pytest.LogCaptureFixture
) -> None:
    """B14.07, B17.05: the same bodies again, while clamd is gone; what is new is not passed."""
    settings = checked(av_scanners=[scanner(own_clamd.path)], virus_check_negative_ttl=60, virus_check_positive_ttl=60)
    checks = Checks(settings)
    infected, clean = make_mail(plain(eicar(), "one")), make_mail(plain(eicar_twin(), "one"))
    again = [make_mail(plain(eicar(), "other")), make_mail(plain(eicar_twin(), "other"))]
    names = [(await checks.run(*inputs(mail, settings))).virus_names for mail in (infected, clean)]
    own_clamd.stop()
    with caplog.at_level(logging.INFO):
        results = [await checks.run(*inputs(mail, settings)) for mail in again]
    assert [result.virus_names for result in results] == names == [(SIGNATURE,), ()]
    assert all(result.virus_checked for result in results)
    assert f"(04711-01) virus check: body seen before: {SIGNATURE}" in caplog.messages
    for _ in range(2):
        with pytest.raises(ScannerError):
            await checks.run(*inputs(make_mail(plain(b"new")), settings))
    counted = checks.counters()
    assert (counted["CacheAttempts"], counted["CacheHits"], counted["CacheHitsVirusMsgs"]) == (6, 2, 1)
    await checks.close()


async def test_verdicts_of_backup_scanners_are_not_remembered(
    own_clamd: Clamd, checked: MakeSettings, make_mail: MakeMail, tmp_path: Path
) -> None:
    settings = checked(
        av_scanners=[scanner(str(tmp_path / "absent.sock"))],
        av_scanners_backup=[scanner(own_clamd.path, "backup")],
        virus_check_negative_ttl=60,
    )
    checks = Checks(settings)
    mail = make_mail(plain())
    await checks.run(*inputs(mail, settings))
    own_clamd.stop()
    with pytest.raises(ScannerError):
        await checks.run(*inputs(mail, settings))
    await checks.close()


async def test_scanner_that_hangs_leaves_time_for_the_backup(
    clamd: Clamd, own_clamd: Clamd, checked: MakeSettings, make_mail: MakeMail
) -> None:
    """B18.07: whatever its own time limit is, the primary scanner gets its share of child_timeout only."""
    settings = checked(
        av_scanners=[scanner(own_clamd.path, "hangs")],
        av_scanners_backup=[scanner(clamd.path, "backup")],
        av_scan_timeout=600,
        child_timeout=600,
        policy_bank={"HASTY": {"child_timeout": 3}},
    )
    own_clamd.suspend()
    async with asyncio.timeout(3):
        findings = await run_checks(make_mail(plain(eicar())), settings)
    assert findings.virus_names == (SIGNATURE,)
