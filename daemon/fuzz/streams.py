"""A stream of octets against one connection of the server: what is answered, and which messages come of it.

The network cuts a stream where it likes. So the same is expected of every way to cut it, and it is worked out here a
second time, plainly, on the whole stream (contract B6.12, features 18.19).
"""

import asyncio
import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mailcordon.config.load import fragments, merge, packaged_directory
from mailcordon.config.policy_banks import PolicyBanks
from mailcordon.config.settings import Settings
from mailcordon.errors import TemporaryError
from mailcordon.mail.envelope import Envelope, Session
from mailcordon.mail.ids import LogIds
from mailcordon.mail.message import Mail
from mailcordon.mail.verdict import Outcome
from mailcordon.receive import replies
from mailcordon.receive.endpoint import Endpoint
from mailcordon.receive.intake import Intake
from mailcordon.receive.protocol import SmtpConnection
from mailcordon.receive.session import COMMAND_LINE_LIMIT, SmtpSession, Step

LONGEST_CONVERSATION = 20.0
"""Seconds; a stream that takes longer hangs."""
_ENDPOINT = Endpoint("127.0.0.1", "127.0.0.1", 10024)
_REASON = "not taken, to look at what it is"


@dataclass(frozen=True)
class Message:
    """What the pipeline gets."""

    octets: bytes
    envelope: Envelope
    session: Session


@dataclass
class Seen:
    """What a stream led to."""

    replies: bytes = b""
    messages: list[Message] = field(default_factory=list)


def make_settings(**changes: object) -> Settings:
    """Settings as packaged, with the fewest recipients and everything in memory."""
    values, _ = merge(fragments(packaged_directory(), []), [], [])
    own = {"myhostname": "gate.example.test", "smtpd_recipient_limit": 3, "spool_memory_limit": 1 << 30}
    return Settings.model_validate({**values, **own, **changes})


class Prober:
    """Plays streams against the server under one configuration."""

    def __init__(self, settings: Settings) -> None:
        self._banks = PolicyBanks(settings)
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Give up the event loop."""
        self._loop.close()

    def check(self, stream: bytes, sizes: Sequence[int]) -> Seen:
        """Play `stream` in one piece and in pieces of `sizes`, over and over. AssertionError if they differ from what
        they must lead to, or from each other."""
        must = self.expected(stream)
        for pieces in ([stream], [*_cut(stream, sizes)]):
            found = self.play(pieces)
            assert found.messages == must.messages, f"messages of {pieces!r}: {found.messages!r}, not {must.messages!r}"
            assert found.replies == must.replies, f"replies to {pieces!r}: {found.replies!r}, not {must.replies!r}"
        return must

    def play(self, pieces: Sequence[bytes]) -> Seen:
        """What the server makes of a client that sends these pieces and then nothing more."""
        return self._loop.run_until_complete(asyncio.wait_for(self._play(pieces), LONGEST_CONVERSATION))

    async def _play(self, pieces: Sequence[bytes]) -> Seen:
        seen = Seen()

        async def keep(mail: Mail) -> Outcome:
            seen.messages.append(Message(bytes(mail.content.view()), mail.envelope, mail.session))
            raise TemporaryError(_REASON)

        gone = asyncio.Event()
        connection = SmtpConnection(Intake(self._banks, keep, LogIds(1)), _ENDPOINT, lambda _connection: gone.set())
        transport = MemoryTransport(connection)
        connection.connection_made(transport)
        for piece in pieces:
            await transport.takes_more.wait()
            if transport.is_closing():
                break
            connection.data_received(piece)
            await asyncio.sleep(0)
        if not transport.is_closing():
            connection.eof_received()
        await gone.wait()
        seen.replies = bytes(transport.written)
        return seen

    def expected(self, stream: bytes) -> Seen:
        """What the stream must lead to: the dialogue line by line, a message from DATA to CR LF . CR LF."""
        seen = Seen()
        session = SmtpSession(self._banks, _ENDPOINT)
        numbers = itertools.count(1)
        answers = [session.greeting()]
        rest = stream
        skipping = False
        while True:
            end = rest.find(b"\n", 0, COMMAND_LINE_LIMIT)
            if end >= 0:
                line, rest = rest[:end].removesuffix(b"\r"), rest[end + 1 :]
                if skipping:
                    skipping = False
                    continue
                answer = session.command(line)
            elif len(rest) >= COMMAND_LINE_LIMIT:
                answer = session.line_too_long(rest[:80])
                rest, skipping = rest[COMMAND_LINE_LIMIT:], True
            else:
                break
            answers.append(answer.octets)
            if answer.step is Step.CLOSE:
                break
            if answer.step is Step.RECEIVE_DATA:
                answers.append(replies.render(replies.START_DATA))
                log_id = f"00001-{next(numbers):02d}"
                text, end_of_data, rest = (b"\r\n" + rest).partition(b"\r\n.\r\n")
                if not end_of_data:
                    break
                octets = (text + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]
                seen.messages.append(Message(octets, session.envelope(), session.describe()))
                copies = len(session.envelope().recipients) if session.reply_for_each_recipient else 1
                answers += [replies.render(replies.processing_failed(log_id, f"processing FAILED: {_REASON}"))] * copies
                session.message_done(accepted=False)
        seen.replies = b"".join(answers)
        return seen


class MemoryTransport(asyncio.Transport):
    """The server's side of a connection whose client reads everything at once."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.written = bytearray()
        self.takes_more = asyncio.Event()
        """The server reads, or will never again."""
        self.takes_more.set()
        self._protocol = protocol
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take what the server says; nothing after it has closed."""
        assert not self._closing
        self.written += data

    def pause_reading(self) -> None:
        """The server wants no more input."""
        self.takes_more.clear()

    def resume_reading(self) -> None:
        """The server wants input again."""
        self.takes_more.set()

    def is_closing(self) -> bool:
        """Whether the server has closed."""
        return self._closing

    def close(self) -> None:
        """The server leaves."""
        if not self._closing:
            self._closing = True
            self.takes_more.set()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """The server leaves at once."""
        self.close()


def _cut(stream: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """The stream in pieces of those sizes, which are used again from the first one on; a size of 0 counts as 1."""
    steps = itertools.cycle([max(size, 1) for size in sizes] or [1])
    start = 0
    while start < len(stream):
        step = next(steps)
        yield stream[start : start + step]
        start += step


def quiet() -> None:
    """No log lines about hostile clients: there are nothing but such."""
    logging.getLogger("mailcordon").setLevel(logging.CRITICAL)
