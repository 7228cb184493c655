"""Policy banks in the running daemon: a port of its own for originating mail (B4, B20.04; features 10.01, 10.09)."""

import subprocess
from pathlib import Path

from samples import eicar, eicar_twin
from servers import free_port

from .daemon import COMMAND, Daemon, NextHop, text_mail, wait_until


def with_submission_port(daemon: Daemon, further: str = "") -> int:
    """Give the daemon a second port under the bank ORIGINATING."""
    port = free_port()
    daemon.configure(
        "40-policy_banks",
        f"""
        inet_socket_port = [{daemon.port}, {port}]
        [interface_policy]
        {port} = "ORIGINATING"
        [policy_bank.ORIGINATING]
        {further}
        """,
    )
    return port


def entry_of(daemon: Daemon, token: str) -> str:
    """The main log entry of a message."""

    def entries() -> list[str]:
        return [line for line in daemon.log().splitlines() if f"Message-ID: <{token}@" in line]

    wait_until(lambda: bool(entries()), f"the main log entry of {token}")
    return entries()[0]


def test_second_port_has_its_bank(daemon: Daemon, next_hop: NextHop) -> None:
    """B4.02, B4.04, features 10.09: a bank of the port decides what becomes of a virus, and stands in the log entry."""
    port = with_submission_port(daemon, 'final_virus_destiny = "reject"')
    daemon.start()

    def send(octets: bytes, name: str, *, to: int = daemon.port) -> str:
        return daemon.send(text_mail(octets, name), port=to, client_address="192.0.2.7")

    assert send(eicar(), "received").startswith("250 2.7.0 Ok, discarded")
    assert send(eicar(), "submitted", to=port).startswith("554 5.7.0 Reject, id=")
    assert send(eicar_twin(), "twin", to=port).startswith("250 2.6.0 Ok")
    assert not next_hop.has("received@")
    assert not next_hop.has("submitted@")
    assert next_hop.has("twin@")
    assert " {DiscardedInbound,Quarantined}, [192.0.2.7] <" in entry_of(daemon, "received")
    assert " {RejectedInternal,Quarantined}, ORIGINATING LOCAL [192.0.2.7] <" in entry_of(daemon, "submitted")
    assert " {RelayedInternal}, ORIGINATING LOCAL [192.0.2.7] <" in entry_of(daemon, "twin")


def test_bank_may_switch_a_check_off(daemon: Daemon, next_hop: NextHop) -> None:
    """Features 10.01: the virus check bypassed for the mail of one port, and for that only."""
    port = with_submission_port(daemon, "bypass_virus_checks = true")
    daemon.start()
    assert daemon.send(text_mail(eicar(), "unscanned"), port=port).startswith("250 2.6.0 Ok")
    assert daemon.send(text_mail(eicar(), "scanned")).startswith("250 2.7.0 Ok, discarded")
    (delivered,) = next_hop.messages()
    assert b"unscanned@" in delivered
    assert b"X-Virus-Scanned" not in delivered


def test_bank_may_have_its_own_next_hop_and_quarantine(daemon: Daemon, next_hop: NextHop, tmp_path: Path) -> None:
    """Features 10.01: routing and quarantine by bank."""
    other = NextHop(tmp_path / "other")
    other.start()
    hop = f"smtp:[127.0.0.1]:{other.port}"
    port = with_submission_port(daemon, f'forward_method = "{hop}"\nvirus_quarantine_method = "local:own-%m"')
    daemon.start()
    try:
        daemon.send(text_mail(eicar_twin(), "submitted"), port=port)
        daemon.send(text_mail(eicar_twin(), "received"))
        daemon.send(text_mail(eicar(), "virus"), port=port)
        assert (other.has("submitted@"), other.has("received@")) == (True, False)
        assert (next_hop.has("submitted@"), next_hop.has("received@")) == (False, True)
    finally:
        other.stop()
    kept = [path.name[:4] for path in (daemon.home / "virusmails").rglob("*") if path.is_file()]
    assert kept == ["own-"]


def test_check_config_shows_a_bank(daemon: Daemon) -> None:
    """The settings in force under banks, and one line for a bank that is not defined."""
    with_submission_port(daemon, "spam_kill_level = 17")
    command = [str(COMMAND), "check-config", "--config-dir", str(daemon.config_directory)]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=30)

    def shown(*arguments: str) -> dict[str, list[str]]:
        rows = [line.split(maxsplit=2) for line in run(*arguments).stdout.splitlines()]
        return {name: [value, place.partition(":")[0]] for name, place, value in rows}

    under = shown("--bank", "ORIGINATING")
    assert under["spam_kill_level"] == ["17", "40-policy_banks.toml"]
    assert under["originating"] == ["true", "40-policy_banks.toml"]
    assert shown("--show")["originating"] == ["false", "20-debian_defaults.toml"]
    unknown = run("--bank", "ORIGINATING,NO_SUCH")
    assert unknown.returncode == 2
    assert "there is no policy bank NO_SUCH; defined are AM.PDP-SOCK, ORIGINATING" in unknown.stderr
