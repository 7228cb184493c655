"""Plugins in the running daemon (B18.09; features 6.09 to 6.11, 14.05)."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from samples import eicar, gtube, gtube_twin
from servers import Spamd

from .daemon import Daemon, NextHop, text_mail, wait_until

SAMPLE = Path(__file__).parents[2] / "examples" / "sample_plugin.py"
TRACE = b"Received: from %b (%b [%b]) by gate.example.test (Postfix) with ESMTP id 4XYZ12; now\r\n"


@pytest.fixture(scope="module")
def own_spamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spamd]:
    """A spamd with a rule of the administrator that the sample knows."""
    rules = ("header LOCAL_CORRESPONDENT X-Correspondent =~ /yes/", "score LOCAL_CORRESPONDENT -0.1")
    server = Spamd(tmp_path_factory.mktemp("own-spamd"), exact=True, rules=rules)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def with_sample(daemon: Daemon, own_spamd: Spamd) -> Daemon:
    """The daemon with the sample plugin exactly as it is shipped."""
    daemon.configure(
        "50-user",
        f"""
        plugins = ["{SAMPLE}"]
        bypass_spam_checks = false
        log_level = 1
        [policy_bank.PARTNER]
        spam_kill_level = 2000
        [[spam_scanners]]
        name = "spamd"
        protocol = "spamd"
        socket = "{own_spamd.path}"
        """,
    )
    daemon.start("--own-config")
    return daemon


def entry_of(daemon: Daemon, token: str) -> str:
    """The main log entry of a message."""

    def entries() -> list[str]:
        return [line for line in daemon.log().splitlines() if f"Message-ID: <{token}@" in line]

    wait_until(lambda: bool(entries()), f"the main log entry of {token}")
    return entries()[0]


def test_sample_loads_a_bank(with_sample: Daemon, next_hop: NextHop) -> None:
    """Features 5.50, 6.10: mail from a partner's server is judged under the bank, that from elsewhere is not."""
    partner = with_sample.send(
        text_mail(gtube(), "partner"), client_address="203.0.113.7", client_name="mx.partner.example"
    )
    other = with_sample.send(
        text_mail(gtube(), "other"), client_address="203.0.113.7", client_name="mx.partner.example.net"
    )
    assert partner.startswith("250 2.6.0 Ok")
    assert next_hop.has("partner@")
    assert other.startswith("250 2.7.0 Ok, discarded")
    assert "}, PARTNER [203.0.113.7]" in entry_of(with_sample, "partner")
    assert "PARTNER" not in entry_of(with_sample, "other")


def test_sample_sets_sender_credible(with_sample: Daemon) -> None:
    """Features 6.10, 14.05: from SpamAssassin's tests or from the bank."""

    def credible(token: str, octets: bytes, name: str) -> bool:
        with_sample.send(octets, client_address="203.0.113.7", client_name=name)
        log_id = entry_of(with_sample, token).partition("(")[2].partition(")")[0]
        return any(f"({log_id}) " in line and "sender_credible" in line for line in with_sample.log().splitlines())

    assert credible("tests", b"X-Correspondent: yes\r\n" + text_mail(b"hello", "tests"), "mx.example.net")
    assert credible("bank", text_mail(b"hello", "bank"), "mx.partner.example")
    assert not credible("neither", b"X-Correspondent: no\r\n" + text_mail(b"hello", "neither"), "mx.example.net")
    assert "sender_credible: LOCAL_CORRESPONDENT" in with_sample.log()
    assert "sender_credible: partner" in with_sample.log()


def test_sample_adds_a_finding(with_sample: Daemon, next_hop: NextHop) -> None:
    """Features 6.09, 6.10: the list's own field is the lowest; another one above it does not hide it."""
    for token, fields, reply in (
        ("list", b"List-Id: <nice.example>\r\nList-Id: Win <lottery.example>\r\n", "250 2.7.0 Ok, discarded"),
        ("twin", b"List-Id: Win <lottery.example>\r\nList-Id: <nice.example>\r\n", "250 2.6.0 Ok"),
    ):
        assert with_sample.send(fields + text_mail(b"hello", token)).startswith(reply)
    assert not next_hop.has("list@")
    assert next_hop.has("twin@")
    assert "Blocked BANNED (mail of the list lottery.example) " in entry_of(with_sample, "list")


def test_sample_adds_points(with_sample: Daemon, next_hop: NextHop) -> None:
    """Features 6.10: a test of the plugin's own counts and is shown among SpamAssassin's."""
    with_sample.configure("60-test", "spam_tag_level = -999")
    with_sample.signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in with_sample.log(), "the reload")
    tokens = ("points@", "twin@")
    for token in tokens:
        octets = text_mail(b"hello", token.removesuffix("@"))
        with_sample.send(octets if token == "twin@" else octets.replace(b"\r\nTo: bob@example.test", b""))
    delivered = {token: [octets for octets in next_hop.messages() if token.encode() in octets] for token in tokens}
    assert b"LOCAL_NO_TO=1.5" in delivered["points@"][0]
    assert b"LOCAL_NO_TO" not in delivered["twin@"][0]


def test_sample_reports_abuse_with_guard(with_sample: Daemon, next_hop: NextHop) -> None:
    """Features 6.10, 6.11: spam from the party's network is reported, once, also after a restart; what is no spam, and
    what nobody can prove, is not."""
    address = "192.0.2.7"
    trace = TRACE % (b"spam.example", b"unknown", address.encode())
    wrong = TRACE % (b"[192.0.2.7]", b"unknown", b"192.0.2.9")

    def reports() -> int:
        return sum(b"multipart/report; report-type=feedback-report" in octets for octets in next_hop.messages())

    with_sample.send(trace + text_mail(gtube_twin(), "twin"), client_address=address)
    with_sample.send(wrong + text_mail(gtube(), "unproven"), client_address="192.0.2.8")
    with_sample.send(trace + text_mail(gtube(), "elsewhere"), client_address="203.0.113.7")
    entry_of(with_sample, "elsewhere")
    assert reports() == 0
    refusal = "no report to <abuse@hosting.example>: the Received field on top does not name 192.0.2.8"
    wait_until(lambda: refusal in with_sample.log(), "the refusal of a report")
    with_sample.send(trace + text_mail(gtube(), "spam"), client_address=address)
    assert reports() == 1
    with_sample.stop()
    with_sample.launch("--own-config")
    wait_until(lambda: with_sample.log().count("listening on") == 2, "the daemon starts again")
    with_sample.send(trace + text_mail(gtube(), "again"), client_address=address)
    assert "Blocked SPAM " in entry_of(with_sample, "again")
    assert reports() == 1
    assert "abuse@hosting.example was reported within the last 21600 s" in with_sample.log()
    (report,) = (octets for octets in next_hop.messages() if b"feedback-report" in octets)
    for part in (b"Feedback-Type: abuse\r\n", b"Source-IP: 192.0.2.7\r\n", b"<ARF", b"<spam@sender.example>"):
        assert part.replace(b"\r\n", b"\n") in report.replace(b"\r\n", b"\n")


BROKEN = """
import time
from mailcordon.hooks import hookimpl

@hookimpl
def message_received(message):
    raise ValueError("on purpose")

@hookimpl
def before_send(message):
    time.sleep(3600)
"""


def own_plugin(directory: Path, text: str) -> Path:
    path = directory / "ours.py"
    path.write_text(text)
    path.chmod(0o644)
    return path


def test_broken_plugin_costs_no_mail(daemon: Daemon, next_hop: NextHop, tmp_path: Path) -> None:
    """B18.09: a plugin that fails and hangs is switched off; mail goes on and is checked, and the daemon can stop."""
    path = own_plugin(tmp_path, BROKEN)
    daemon.configure("50-user", f'plugins = ["{path}"]\nplugin_timeout = 1\nmax_servers = 1')
    daemon.start()
    for number in range(4):
        assert daemon.send(text_mail(b"hello", f"good-{number}")).startswith("250 2.6.0 Ok")
    assert daemon.send(text_mail(eicar(), "virus")).startswith("250 2.7.0 Ok, discarded")
    assert next_hop.has("good-3@")
    assert not next_hop.has("virus@")
    entry_of(daemon, "virus")
    log = daemon.log()
    assert log.count("plugin ours: message_received failed, the message goes on: ValueError: on purpose (") == 3
    assert log.count("plugin ours: before_send is not done within 1 s, the message goes on") == 3
    assert log.count("plugin ours is switched off until the next reload: it hung 3 times") == 1
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0


GOOD = "from mailcordon.hooks import hookimpl\n@hookimpl\ndef message_received(message):\n    message.{}\n"


def test_reload_with_a_broken_plugin(daemon: Daemon, tmp_path: Path) -> None:
    """Design rule 6: a plugin that cannot be loaded never takes effect, a changed one does at the next reload; workers
    that are replaced meanwhile have the old one."""
    path = own_plugin(tmp_path, GOOD.format("add_finding('BANNED', 'first')"))
    daemon.configure("50-user", f'plugins = ["{path}"]\nmax_servers = 1')
    daemon.start()
    assert "BANNED: first" in daemon.send(text_mail(b"hello", "one"))
    path.write_text("def broken(:\n")
    daemon.signal(signal.SIGHUP)
    place = f"{daemon.config_directory / '50-user.toml'}:1"
    problem = f"reload failed, the old configuration stays in force: {place}: plugins: {path}: line 1: invalid syntax"
    wait_until(lambda: problem in daemon.log(), "the reload fails")
    (worker,) = daemon.workers()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: daemon.workers() not in ([], [worker]), "another worker")
    assert "BANNED: first" in daemon.send(text_mail(b"hello", "two"))
    path.write_text(GOOD.format("add_finding('BANNED', 'second')"))
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in daemon.log(), "the reload")
    wait_until(lambda: "BANNED: second" in daemon.send(text_mail(b"hello", "three")), "the new plugin")


def test_daemon_does_not_start_with_a_bad_plugin(daemon: Daemon, tmp_path: Path) -> None:
    """Every problem on a line of its own; nothing is started."""
    path = own_plugin(tmp_path, GOOD.format("x").replace("message_received", "message_receive"))
    daemon.configure("50-user", f'plugins = ["{path}", "no_such_module"]')
    daemon.launch("--own-config")
    assert daemon.wait() == 78
    place = f"{daemon.config_directory / '50-user.toml'}:1"
    assert daemon.output().splitlines() == [
        f"{place}: plugins: {path}: there is no hook message_receive; did you mean message_received?",
        f"{place}: plugins: no_such_module: there is no such module",
    ]
