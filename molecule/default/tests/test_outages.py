"""Parts that stop, die or get a bad configuration: checklist 20, 23, 27; rules 1, 2 and 6 of the design."""

import concurrent.futures
import time

from end_to_end import samples
from end_to_end.gateway import FRAGMENTS, Gateway, wait_for

CLAMD = "clamav-daemon.service"
FILTER = "mailcordon.service"


def send_pair(gateway: Gateway) -> tuple[str, str]:
    """A clean mail and EICAR; returns their tokens."""
    return gateway.send_text(), gateway.send_form("base64", samples.eicar())


def assert_pair_judged(gateway: Gateway, clean: str, infected: str) -> None:
    """The clean mail arrives once, EICAR is blocked and does not."""
    gateway.flush_until(f"clean mail {clean}", lambda: bool(gateway.delivered(clean)))
    gateway.flush_until(f"infected mail {infected} judged", lambda: bool(gateway.log_entries(infected)))
    gateway.wait_delivered(clean)
    assert "Blocked INFECTED" in gateway.wait_logged(infected, "Blocked")
    assert not gateway.delivered(infected)


def test_mail_waits_while_clamd_is_stopped(gateway: Gateway) -> None:
    """Checklist 20, rule 2: 4xx, nothing lost, nothing passed unscanned; judged right when clamd is back."""
    sockets = gateway.host.run("systemctl is-active clamav-daemon.socket")
    units = ["clamav-daemon.socket"] if sockets.rc == 0 else []
    with gateway.stopped(*units, CLAMD):
        clean, infected = send_pair(gateway)
        for token in (clean, infected):
            reason = gateway.wait_deferred(token).reason
            assert "127.0.0.1" in reason, reason
            assert " 4" in reason or "(4" in reason or "said: 4" in reason, reason
            assert not gateway.delivered(token)
    gateway.wait_scanner()
    assert_pair_judged(gateway, clean, infected)


def test_mail_waits_while_the_filter_is_stopped(gateway: Gateway) -> None:
    """Checklist 23: service and socket stopped, nothing is lost. The stop itself takes less than 60 s."""
    started = time.monotonic()
    with gateway.stopped("mailcordon.socket", FILTER):
        assert time.monotonic() - started < 60
        clean, infected = send_pair(gateway)
        assert "refused" in gateway.wait_deferred(clean).reason.lower()
        gateway.wait_deferred(infected)
    assert_pair_judged(gateway, clean, infected)


def test_mail_waits_in_the_socket_during_a_restart(gateway: Gateway) -> None:
    """Socket activation: with only the service stopped a connection starts it, none is refused."""
    gateway.systemctl("stop", FILTER)
    clean, infected = send_pair(gateway)
    assert_pair_judged(gateway, clean, infected)
    assert gateway.main_pid(FILTER) > 0, gateway.journal(FILTER)


def assert_comes_back_after_kill(gateway: Gateway, unit: str) -> None:
    """Kills the main process hard, and waits for another one."""
    old = gateway.main_pid(unit)
    assert old > 0, gateway.journal(unit)
    gateway.host.check_output(f"kill -9 {old}")
    wait_for(f"{unit} runs again", lambda: gateway.main_pid(unit) not in (0, old), timeout=60)


def test_filter_comes_back_after_kill(gateway: Gateway) -> None:
    """Checklist 23."""
    assert_comes_back_after_kill(gateway, FILTER)
    assert_pair_judged(gateway, *send_pair(gateway))


def test_clamd_comes_back_after_kill(gateway: Gateway) -> None:
    """Checklist 23, 27 (stale socket); features 2.44."""
    clean, infected = "", ""
    assert_comes_back_after_kill(gateway, CLAMD)
    clean, infected = send_pair(gateway)
    gateway.wait_scanner()
    assert_pair_judged(gateway, clean, infected)


def test_worker_comes_back_after_kill(gateway: Gateway) -> None:
    """A worker that dies is replaced; its supervisor stays."""
    supervisor = gateway.main_pid(FILTER)
    workers = gateway.host.check_output(f"pgrep -P {supervisor}").split()
    assert workers, gateway.journal(FILTER)
    gateway.host.check_output(f"kill -9 {workers[0]}")
    wait_for(
        "a new worker",
        lambda: len(gateway.host.run(f"pgrep -P {supervisor}").stdout.split()) >= len(workers),
        timeout=30,
    )
    assert gateway.main_pid(FILTER) == supervisor
    assert_pair_judged(gateway, *send_pair(gateway))


def test_reload_under_load_loses_nothing(gateway: Gateway) -> None:
    """SIGHUP while mails come in: every one arrives exactly once."""
    supervisor = gateway.main_pid(FILTER)
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        sending = [pool.submit(gateway.send_text) for _ in range(32)]
        for _ in range(4):
            gateway.systemctl("reload", FILTER)
            time.sleep(0.5)
        tokens = [future.result() for future in sending]
    for token in tokens:
        gateway.wait_delivered(token, timeout=120)
    assert gateway.main_pid(FILTER) == supervisor


def test_reload_takes_a_new_fragment(gateway: Gateway) -> None:
    """The twin of the next test: a good fragment does take effect."""
    with gateway.file(f"{FRAGMENTS}/60-test.toml", b'X_HEADER_LINE = "seen by the test"\n'):
        gateway.systemctl("reload", FILTER)
        wait_for("the new header text", lambda: b"seen by the test" in mail_after_reload(gateway), timeout=60)
    gateway.systemctl("reload", FILTER)
    wait_for("the old header text", lambda: b"seen by the test" not in mail_after_reload(gateway), timeout=60)


def mail_after_reload(gateway: Gateway) -> bytes:
    """A fresh clean mail as delivered."""
    return gateway.wait_delivered(gateway.send_text())


def test_bad_fragment_keeps_the_old_configuration(gateway: Gateway) -> None:
    """Rule 6: refused with file and key, and mail goes on being filtered."""
    supervisor = gateway.main_pid(FILTER)
    with gateway.file(f"{FRAGMENTS}/60-broken.toml", b'final_virus_destiny = "perhaps"\n'):
        check = gateway.host.run("mailcordon check-config")
        assert check.rc == 1
        assert "60-broken.toml" in check.stdout + check.stderr
        assert "final_virus_destiny" in check.stdout + check.stderr
        gateway.host.run(f"systemctl reload {FILTER}")
        wait_for(
            "the bad fragment in the journal",
            lambda: "60-broken.toml" in gateway.host.run("journalctl -q --no-pager -n 200 -o cat").stdout,
            timeout=30,
        )
        assert gateway.main_pid(FILTER) == supervisor, gateway.journal(FILTER)
        assert_pair_judged(gateway, *send_pair(gateway))
    gateway.systemctl("reload", FILTER)
    assert gateway.host.run("mailcordon check-config").rc == 0
    assert_pair_judged(gateway, *send_pair(gateway))
