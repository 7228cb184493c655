"""Decoder processes of a running daemon: when they start, and that they end with their workers (features 7.10)."""

import os
import signal
from pathlib import Path

from processes import children
from samples import with_attachment, zipped

from .daemon import Daemon, NextHop, text_mail, wait_until

ARCHIVE = with_attachment(zipped(bytes(500), "x.dat"), "a.zip")


def is_gone(process: int) -> bool:
    """Whether it has ended."""
    return not Path(f"/proc/{process}").exists()


def test_from_the_first_attachment_to_the_end(daemon: Daemon, next_hop: NextHop) -> None:
    """Text starts none; a worker that is killed, and a daemon that is stopped, leave none; leftovers are removed."""
    daemon.configure("30-one", "max_servers = 1")
    left = daemon.home / "tmp" / "unpack-left"
    left.mkdir(parents=True)
    daemon.start()
    wait_until(lambda: "decoder processes: " in daemon.log(), "the decoders are announced")
    assert not left.exists()
    assert "removed 1 directories of unpacked mail" in daemon.log()
    (worker,) = daemon.workers()
    assert daemon.send(text_mail(b"hello", "text")).startswith("250 ")
    assert children(worker) == []
    assert daemon.send(ARCHIVE).startswith("250 ")
    (decoder,) = children(worker)
    assert daemon.send(ARCHIVE).startswith("250 ")
    assert children(worker) == [decoder]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: is_gone(decoder), "the decoder process notices the end of its worker")
    wait_until(lambda: daemon.workers() not in ([], [worker]), "a new worker")
    assert daemon.send(ARCHIVE).startswith("250 ")
    (worker,) = daemon.workers()
    (decoder,) = children(worker)
    os.kill(decoder, signal.SIGKILL)
    assert daemon.send(ARCHIVE).startswith("250 ")
    (decoder,) = children(worker)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert is_gone(decoder)
    assert list((daemon.home / "tmp").iterdir()) == []
    assert len(next_hop.messages()) == 5
