"""Updates of the rules from a channel with a real DNS server, web server and signatures (features chapter 8)."""

import base64

import pytest
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from end_to_end import samples
from end_to_end.gateway import new_token
from end_to_end.spamd import Spamd

UPDATE = "systemctl start spamassassin-maintenance.service"


@pytest.fixture(scope="module")
def spamd(host: Host) -> Spamd:
    """The host's spamd."""
    return Spamd(host)


def publish(host: Host, version: int, rules: str, signer: str = "channel") -> None:
    encoded = base64.b64encode(rules.encode()).decode()
    host.check_output(f"echo {encoded} | base64 -d | publish-rules {version} {signer}")


def points(spamd: Spamd, body: str, rule: str) -> float | None:
    message = samples.text_mail(new_token(), "probe@example.test", body.encode() + b"\r\n")
    return spamd.report(message).tests.get(rule)


def main_pid(host: Host) -> str:
    return str(host.check_output("systemctl show -p MainPID --value spamd.service"))


def failed_update(host: Host) -> CommandResult:
    result = host.run(UPDATE)
    assert result.rc != 0
    host.check_output("systemctl reset-failed spamassassin-maintenance.service")
    return host.run("journalctl -q --no-pager -o cat -n 20 -u spamassassin-maintenance.service")


def test_the_rules_of_the_channel_are_in_force_beside_all_others(host: Host, spamd: Spamd) -> None:
    """A channel with one rule does not take the place of the packaged rules."""
    assert points(spamd, "The first words of the channel", "CHANNEL_FIRST") == 2.5
    assert points(spamd, "The second words of the channel", "CHANNEL_FIRST") is None
    assert points(spamd, samples.gtube().decode(), "GTUBE") == 1000


def test_there_is_exactly_one_schedule(host: Host) -> None:
    """The timer of the distribution runs our program; its job of cron steps back."""
    timer = host.check_output(
        "systemctl show -p TimersCalendar -p NextElapseUSecRealtime spamassassin-maintenance.timer"
    )
    assert timer.count("OnCalendar=") == 1
    assert "*-*-* 03:33:00" in timer
    assert host.service("spamassassin-maintenance.timer").is_enabled
    program = host.check_output("systemctl show -p ExecStart spamassassin-maintenance.service")
    assert program.count("argv[]=") == 1
    assert "/usr/local/lib/mailcordon/sa_update.py" in program
    assert host.run("sh -x /etc/cron.daily/spamassassin 2>&1").stdout.splitlines()[-1].strip() == "+ exit 0"


def test_without_news_spamd_is_left_alone(host: Host) -> None:
    before = main_pid(host)
    assert host.run(UPDATE).rc == 0
    assert main_pid(host) == before


def test_a_new_rule_reaches_spamd(host: Host, spamd: Spamd) -> None:
    """The update restarts spamd with the new rules, and leaves no copy of the old ones."""
    publish(host, 102, "body CHANNEL_SECOND /second words of the channel/\nscore CHANNEL_SECOND 1.5\n")
    updated = host.run(UPDATE)
    assert updated.rc == 0, host.run("journalctl -q --no-pager -n 20 -u spamassassin-maintenance.service").stdout
    assert points(spamd, "The second words of the channel", "CHANNEL_SECOND") == 1.5
    assert points(spamd, "The first words of the channel", "CHANNEL_FIRST") is None
    assert host.run("find /var/lib/spamassassin -maxdepth 1 -name '4*'").stdout.count("\n") == 1


def test_the_key_of_a_stranger_is_refused(host: Host, spamd: Spamd) -> None:
    before = main_pid(host)
    publish(host, 103, "score GTUBE 0\n", signer="stranger")
    assert "channel rules.example.test: GPG validation failed" in failed_update(host).stdout
    assert main_pid(host) == before
    assert points(spamd, samples.gtube().decode(), "GTUBE") == 1000


def test_rules_that_do_not_work_with_the_site_are_refused(host: Host, spamd: Spamd) -> None:
    """The channel alone would pass; together with a file of the administrator it does not."""
    before = main_pid(host)
    host.check_output("printf 'if CHANNEL_OPEN\\n' >/etc/spamassassin/99_own.cf")
    publish(host, 104, "body CHANNEL_THIRD /third words/\nscore CHANNEL_THIRD 1\n")
    said = failed_update(host).stdout
    assert "the new rules are refused and the old ones stay" in said
    host.check_output("rm /etc/spamassassin/99_own.cf")
    assert main_pid(host) == before
    assert points(spamd, "The second words of the channel", "CHANNEL_SECOND") == 1.5
    assert host.run(UPDATE).rc == 0
    assert points(spamd, "The third words", "CHANNEL_THIRD") == 1
