"""The faults: each breaks something while messages flow, makes sure that it was felt, and mends it."""

import signal
import time
from collections.abc import Mapping
from functools import partial

from end_to_end.daemon import wait_until
from faults.field import Fault, Field
from faults.senders import LEAVE_AT, leave_at
from faults.sink import STEPS

HANG_UPS = 5
"""How often a peer hangs up at one step."""

# The daemon


def kill_worker(field: Field) -> None:
    """The other worker goes on."""
    field.kill_workers(1)


def kill_all_workers(field: Field) -> None:
    """Nobody takes mail for a moment; connections wait."""
    field.kill_workers(2)


def hang_worker(field: Field) -> None:
    """A worker whose loop does nothing, with messages in its hands."""
    field.kill_workers(1, signal.SIGSTOP)


def kill_supervisor(field: Field) -> None:
    """The workers leave by themselves."""
    field.daemon.signal(signal.SIGKILL)
    field.daemon.wait()
    time.sleep(0.5)
    field.start_daemon_again()


def stop_and_start(field: Field) -> None:
    """An ordinary restart."""
    field.daemon.signal(signal.SIGTERM)
    assert field.daemon.wait() == 0
    field.start_daemon_again()


def reload_in_a_loop(field: Field) -> None:
    """Each time with messages in the hands of the workers that leave."""
    for _ in range(5):
        field.reload()


def reload_bad_configuration(field: Field) -> None:
    """It changes nothing."""
    workers = set(field.daemon.workers())
    field.daemon.configure("50-user", "max_servers = -1")
    field.reload("the old configuration stays in force")
    assert workers & set(field.daemon.workers())
    field.daemon.configure("50-user", "")
    field.reload()


# The scanners


def kill_clamd(field: Field) -> None:
    """No mail passes without a verdict."""
    field.clamd.kill()
    field.await_deferrals("451 4.5.0", 10)
    field.clamd.start()


def restart_clamd(field: Field) -> None:
    """As after an update of its program."""
    field.clamd.restart()


def suspend_clamd(field: Field) -> None:
    """It takes connections and says nothing."""
    field.clamd.suspend()
    field.await_deferrals("451 4.5.0", 3)
    field.clamd.resume()


def kill_spamd(field: Field) -> None:
    """Mail that wants a score waits, other mail passes."""
    field.spamd.kill()
    field.await_deferrals("451 4.5.0", 1)
    field.spamd.start()


def restart_spamd(field: Field) -> None:
    """As after an update of its rules."""
    field.spamd.restart()


# The next hop


def stop_next_hop(field: Field) -> None:
    """Connections are refused."""
    field.run(field.sink.stop())
    field.await_deferrals("450 4.4.1", 10)
    field.run(field.sink.start())


def restart_next_hop(field: Field) -> None:
    """All sessions are cut off, and it is there again."""
    for _ in range(3):
        field.run(field.sink.stop())
        field.run(field.sink.start())
        field.await_messages(10)


def slow_next_hop(field: Field) -> None:
    """Each reply to a message takes a second."""
    field.sink.delay = 1.0
    field.await_messages(20)
    field.sink.delay = 0.0


def next_hop_defers(field: Field) -> None:
    """Its own trouble becomes ours."""
    field.sink.refusal = b"452 4.3.1 Insufficient system storage\r\n"
    field.await_deferrals("452 4.3.1", 10)
    field.sink.refusal = b""


def next_hop_hangs_up(field: Field, *, at: str) -> None:
    """At one step of the protocol, several times."""
    if at in ("connect", "banner", "EHLO"):
        # Kept sessions are past these.
        field.run(field.sink.stop())
        field.run(field.sink.start())
    field.sink.hang_up[at] = HANG_UPS
    wait_until(lambda: not field.sink.hang_up[at], f"the next hop has hung up at {at}")


# The clients


def client_leaves(field: Field, *, at: str) -> None:
    """Nothing of what it began arrives."""
    for _ in range(HANG_UPS):
        field.run(leave_at(at, field.daemon.port, field.ledger))


def client_leaves_before_the_reply(field: Field) -> None:
    """It cannot know what became of the message and sends it again."""
    for sender in field.senders:
        sender.leave_early = 2
    wait_until(lambda: not any(sender.leave_early for sender in field.senders), "the clients have left")


# The disk


def fill_disk(field: Field) -> None:
    """Neither the spool nor the quarantine can be written; what needs no disk still passes."""
    field.disk.fill()
    try:
        with field.disk_in_use():
            field.await_deferrals("452 4.3.1", 10)
            wait_until(lambda: "spool FAILED: cannot write the spool file" in field.daemon.log(), "a full spool")
            wait_until(lambda: "cannot write quarantine file" in field.daemon.log(), "a virus that cannot be kept")
    finally:
        field.disk.free()


FAULTS: Mapping[str, Fault] = {
    fault.__name__: fault
    for fault in (
        kill_worker,
        kill_all_workers,
        hang_worker,
        kill_supervisor,
        stop_and_start,
        reload_in_a_loop,
        reload_bad_configuration,
        kill_clamd,
        restart_clamd,
        suspend_clamd,
        kill_spamd,
        restart_spamd,
        stop_next_hop,
        restart_next_hop,
        slow_next_hop,
        next_hop_defers,
        client_leaves_before_the_reply,
        fill_disk,
    )
} | {
    **{f"next_hop_hangs_up_at_{step}": partial(next_hop_hangs_up, at=step) for step in STEPS},
    **{f"client_leaves_at_{step}": partial(client_leaves, at=step) for step in LEAVE_AT},
}
