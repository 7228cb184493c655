"""A mail bomb whose scan takes longer than there is time for a message, through the daemon as it runs (issue 6, B13.04,
features 7.10): one try, with the outcome that is configured, and no other mail has to wait for it."""

import io
import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import samples
from end_to_end.daemon import Daemon, NextHop, text_mail, wait_until
from servers import Clamd, free_port

MESSAGE_TIME = 10
"""child_timeout, seconds; up to 6 of them are clamd's, which takes minutes for what comes here."""


@pytest.fixture
def clamd(tmp_path: Path) -> Iterator[Clamd]:
    """Killed in the end, as it is still at work then."""
    directory = tmp_path / "clamd"
    directory.mkdir()
    server = Clamd(directory)
    server.start()
    yield server
    server.kill()


def many_members(count: int = 100_000) -> bytes:
    """A zip with that many empty files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(count):
            archive.writestr(str(number), b"")
    return stream.getvalue()


def test_a_scan_without_end(clamd: Clamd, tmp_path: Path) -> None:
    """Unchecked mail passes as packaged, and is refused for good where it is configured so.

    There is one decoder process, for which one of the two has to wait.
    """
    strict = free_port()
    with NextHop(tmp_path / "delivered") as next_hop:
        daemon = Daemon(tmp_path / "daemon", clamd.path, next_hop)
        daemon.configure(
            "45-hasty",
            f"""
            log_level = 2
            child_timeout = {MESSAGE_TIME}
            inet_socket_port = [{daemon.port}, {strict}]
            interface_policy.{strict} = "STRICT"
            policy_bank.STRICT.final_unchecked_destiny = "reject"
            """,
        )
        daemon.start()
        try:
            bomb = samples.with_attachment(many_members(), "many.zip")
            with ThreadPoolExecutor() as pool:
                passed = pool.submit(daemon.send, bomb)
                refused = pool.submit(daemon.send, bomb, port=strict)
                assert daemon.send(text_mail(b"Hello", "meanwhile")).startswith("250 ")
            assert passed.result().startswith("250 "), daemon.log()
            assert refused.result().startswith("554 5.7.0"), daemon.log()
            assert "UNCHECKED: over limits" in refused.result()
            wait_until(lambda: "Passed UNCHECKED" in daemon.log(), "the main log entry of the one that passes")
            wait_until(lambda: "Blocked UNCHECKED" in daemon.log(), "the main log entry of the one that does not")
            assert len(re.findall(r"HOLD reason: clamd: not done with this mail within [\d.]+ s", daemon.log())) == 2
        finally:
            daemon.stop()
