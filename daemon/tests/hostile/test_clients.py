"""Clients that want to hurt, against the daemon as it runs: what they get is bounded, and others are served meanwhile.

Issue 4 (hostile clients), contracts B6.06, B6.12, B6.15, design rule 5. What octets can do is in test_streams.py.
"""

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.processes import pss
from end_to_end.daemon import Daemon, NextHop, text_mail, wait_until
from servers import Clamd, free_port

IDLE = 1000
IDLE_COST = 30
"""KB of memory that an idle connection may cost."""
ROOM = 8 * 1024
"""KB that the workers may grow for a client that sends without end."""
PROMPT = 5.0
"""Seconds that an ordinary mail may take beside hostile clients, scanned and delivered, on a busy machine."""
RECIPIENTS = 50_000
RECIPIENT_LIMIT = 1100
ERROR_LIMIT = 20
PATIENCE = 2
"""smtpd_timeout on the port for slow clients, seconds."""
MESSAGE_TIME = 4
"""child_timeout on that port: a message slower than 512 octets a second must be here by then."""
BEGIN = b"EHLO x\r\nMAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"
LEFT = "the client left within its message"
TOO_SLOW = b"421 4.4.2 Error: timeout exceeded, closing channel\r\n"


class Client:
    """A raw connection; every wait is bounded."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self._lines = self.socket.makefile("rb")
        assert self.line().startswith(b"220 ")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        self._lines.close()
        self.socket.close()

    def write(self, octets: bytes) -> None:
        """Send all of it. A server that has hung up meanwhile is no surprise here."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(octets)

    def line(self) -> bytes:
        """The next line, empty when the server has hung up."""
        try:
            return self._lines.readline()
        except ConnectionError:
            return b""

    def reply(self) -> bytes:
        """The last line of the next reply."""
        line = self.line()
        while line[3:4] == b"-":
            line = self.line()
        return line

    def replies(self, number: int) -> list[bytes]:
        """The codes of so many replies."""
        return [self.reply()[:3] for _ in range(number)]

    def last_words(self) -> list[bytes]:
        """All lines until the server hangs up."""
        return list(iter(self.line, b""))


@pytest.fixture(scope="module")
def next_hop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NextHop]:
    """Takes everything."""
    with NextHop(tmp_path_factory.mktemp("delivered")) as hop:
        yield hop


@pytest.fixture(scope="module")
def slow_port() -> int:
    """The port with little patience."""
    return free_port()


@pytest.fixture(scope="module")
def daemon(
    tmp_path_factory: pytest.TempPathFactory, clamd: Clamd, next_hop: NextHop, slow_port: int
) -> Iterator[Daemon]:
    """One for all tests, which it survives."""
    running = Daemon(tmp_path_factory.mktemp("daemon"), clamd.path, next_hop)
    running.configure(
        "45-hostile",
        f"""
        log_level = 3
        inet_socket_port = [{running.port}, {slow_port}]
        smtpd_recipient_limit = {RECIPIENT_LIMIT}
        smtpd_hard_error_limit = {ERROR_LIMIT}
        [interface_policy]
        "{slow_port}" = "HASTY"
        [policy_bank.HASTY]
        smtpd_timeout = {PATIENCE}
        child_timeout = {MESSAGE_TIME}
        """,
    )
    running.start()
    # Each worker has done its first work then, and its memory is what it is.
    for number in range(20):
        assert running.send(text_mail(b"warm up", f"warm-{number}")).startswith("250 ")
    workers = running.workers()
    yield running
    still_there = running.workers() == workers
    running.stop()
    assert still_there, "a worker died"


@pytest.fixture
def many_sockets() -> Iterator[None]:
    """Descriptors for the clients of this process."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], min(limits[1], 4 * IDLE)), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def memory(daemon: Daemon) -> int:
    """KB of all workers."""
    return int(sum(map(pss, daemon.workers())))


def peak(daemon: Daemon) -> int:
    """KB that all workers ever had at most."""
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in daemon.workers()]
    return sum(int(status.partition("VmHWM:")[2].split()[0]) for status in statuses)


def assert_served(daemon: Daemon, next_hop: NextHop, token: str) -> None:
    """An ordinary mail goes through in time."""
    began = time.monotonic()
    assert daemon.send(text_mail(b"hello", token)).startswith("250 2.6.0 Ok")
    assert time.monotonic() - began < PROMPT
    assert next_hop.has(token)


@pytest.mark.usefixtures("many_sockets")
def test_a_thousand_idle_connections(daemon: Daemon, next_hop: NextHop) -> None:
    """They cost little memory and nobody's time, and each is still served when it speaks."""
    before = memory(daemon)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(Client(daemon.port)) for _ in range(IDLE)]
        assert memory(daemon) - before < IDLE * IDLE_COST
        for number in range(5):
            assert_served(daemon, next_hop, f"beside-idle-{number}")
        for client in idle:
            client.write(b"NOOP\r\n")
        assert {client.reply() for client in idle} == {b"250 2.0.0 Ok NOOP\r\n"}
    assert_served(daemon, next_hop, "after-idle")


def test_command_line_without_end(daemon: Daemon, next_hop: NextHop) -> None:
    """20 MB without a line end: an error for each stretch, the limit of errors ends it, nothing of it is kept."""
    before = peak(daemon)
    with Client(daemon.port) as client:
        for _ in range(20):
            client.write(b"x" * 1_000_000)
        # What the kernel still held when the server hung up may have cost us its last words.
        assert set(client.last_words()) <= {
            b"500 5.5.2 Error: line too long\r\n",
            b"421 4.7.0 Error: too many errors, closing channel\r\n",
        }
    assert peak(daemon) - before < ROOM
    assert_served(daemon, next_hop, "after-endless-line")


def test_giant_line_in_a_message_arrives(daemon: Daemon, next_hop: NextHop) -> None:
    """The harmless twin: one line of 5 MB in a message is content, byte for byte (design rule 3)."""
    line = b"0123456789abcdef" * (5 * 1024 * 64)
    with Client(daemon.port) as client:
        client.write(BEGIN + text_mail(line, "giant-line") + b".\r\n")
        assert client.replies(5) == [b"250", b"250", b"250", b"354", b"250"]
    (delivered,) = [message for message in next_hop.messages() if b"giant-line" in message]
    # smtp-sink keeps messages with the line ends of its host.
    assert line + b"\n" in delivered.replace(b"\r\n", b"\n")


def test_fifty_thousand_recipients(daemon: Daemon, next_hop: NextHop) -> None:
    """B6.06: 452 for each beyond the limit, the memory is bounded, and the mail goes to those that were taken."""
    before = peak(daemon)
    with Client(daemon.port) as client:
        client.write(b"EHLO x\r\nMAIL FROM:<alice@sender.example>\r\n")
        assert client.replies(2) == [b"250", b"250"]
        commands = b"".join(b"RCPT TO:<user-%d@example.test>\r\n" % number for number in range(RECIPIENTS))
        sending = threading.Thread(target=client.write, args=(commands,))
        sending.start()
        codes = client.replies(RECIPIENTS)
        sending.join()
        assert codes == [b"250"] * RECIPIENT_LIMIT + [b"452"] * (RECIPIENTS - RECIPIENT_LIMIT)
        assert peak(daemon) - before < ROOM
        client.write(b"DATA\r\n" + text_mail(b"hello all", "to-many") + b".\r\n")
        assert client.replies(2) == [b"354", b"250"]
    assert next_hop.has("to-many")
    assert_served(daemon, next_hop, "after-many-recipients")


def drip(client: Client, octet: bytes, stop: threading.Event) -> None:
    """Send one octet again and again, always before the patience of the server ends."""
    while not stop.wait(PATIENCE / 8):
        client.write(octet)


@pytest.mark.parametrize(
    ("begin", "dripping", "seconds"),
    [
        (b"", b"", PATIENCE),
        (b"EHLO x\r\nMAIL FROM:<alice@sender.example>\r\n", b"", PATIENCE),
        (b"NOOP ", b"x", PATIENCE),
        (BEGIN + b"Subject: ", b"", PATIENCE),
        (BEGIN + b"Subject: ", b"x", MESSAGE_TIME),
    ],
    ids=["silent", "silent in a transaction", "drips a command", "silent in a message", "drips a message"],
)
def test_slow_client_is_cut_off(
    daemon: Daemon, next_hop: NextHop, slow_port: int, begin: bytes, dripping: bytes, seconds: int
) -> None:
    """smtpd_timeout and child_timeout (B1.07, B18.06): the connection is not held longer, and others do not notice."""
    stop = threading.Event()
    with Client(slow_port) as client:
        began = time.monotonic()
        client.write(begin)
        dripper = threading.Thread(target=drip, args=(client, dripping, stop))
        dripper.start()
        try:
            assert_served(daemon, next_hop, f"beside-slow-{began}")
            words = client.last_words()
            took = time.monotonic() - began
        finally:
            stop.set()
            dripper.join()
    assert words[-1] == TOO_SLOW
    assert seconds * 0.9 < took < seconds + PROMPT


def test_client_that_is_not_fast_is_served(next_hop: NextHop, slow_port: int) -> None:
    """The harmless twin: it takes longer than both limits, but goes on all the time."""
    octets = BEGIN + text_mail(b"steady " * 1500, "not-fast") + b".\r\n"
    with Client(slow_port) as client:
        began = time.monotonic()
        for start in range(0, len(octets), 500):
            client.write(octets[start : start + 500])
            time.sleep(0.25)
        assert client.replies(5)[-1] == b"250"
        assert time.monotonic() - began > MESSAGE_TIME + 1
    assert next_hop.has("not-fast")


@pytest.mark.parametrize("command", [b"FOO\r\n", b"\x80\x00\xff\r\n", b"RCPT TO:<x@y>\r\n", b"MAIL\r\n"], ids=repr)
def test_errors_are_counted(daemon: Daemon, command: bytes) -> None:
    """B6.15: the last error that is allowed ends the session, however many more are pipelined behind it."""
    with Client(daemon.port) as client:
        client.write(command * 500)
        words = client.last_words()
    assert len(words) == ERROR_LIMIT + 1
    assert words[-1] == b"421 4.7.0 Error: too many errors, closing channel\r\n"


def test_fewer_errors_are_forgiven(daemon: Daemon) -> None:
    """The harmless twin: one error less, then a mail, which is a new start."""
    mail = BEGIN + text_mail(b"hello", "after-errors") + b".\r\n"
    with Client(daemon.port) as client:
        for _ in range(2):
            client.write(b"FOO\r\n" * (ERROR_LIMIT - 1) + mail)
            assert client.replies(ERROR_LIMIT - 1) == [b"500"] * (ERROR_LIMIT - 1)
            assert client.replies(5) == [b"250", b"250", b"250", b"354", b"250"]


def test_all_pipelined_behind_a_message(daemon: Daemon, next_hop: NextHop) -> None:
    """RFC 2920: what follows the end of a message in the same packet is answered after it, in order, and nothing is
    taken for content or lost."""
    mails = [text_mail(b"hello", f"pipelined-{number}") + b".\r\n" for number in range(3)]
    with Client(daemon.port) as client:
        client.write(
            BEGIN + mails[0] + b"NOOP\r\n" + BEGIN + mails[1] + b"RSET\r\nFOO\r\n" + BEGIN + mails[2] + b"QUIT\r\n"
        )
        mail = [b"250", b"250", b"250", b"354", b"250"]
        assert client.replies(19) == [*mail, b"250", *mail, b"250", b"500", *mail, b"221"]
        assert client.last_words() == []
    assert all(next_hop.has(f"pipelined-{number}") for number in range(3))
    assert not any(b"NOOP" in message or b"RSET" in message for message in next_hop.messages())


def test_clients_that_vanish(daemon: Daemon, next_hop: NextHop) -> None:
    """Two hundred that reset their connection within a message: nothing of it is delivered, and no place is lost."""
    noticed = daemon.log().count(LEFT)
    for _ in range(200):
        client = Client(daemon.port)
        client.write(BEGIN)
        assert client.replies(4)[-1] == b"354"
        client.write(text_mail(b"incomplete", "vanished"))
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.close()
    wait_until(lambda: daemon.log().count(LEFT) == noticed + 200, "all are noticed")
    assert not next_hop.has("vanished")
    assert_served(daemon, next_hop, "after-vanished")
