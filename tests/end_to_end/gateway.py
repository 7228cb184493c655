"""One mail host under test: send mail to it from outside, and look inside for what became of the mail."""

import base64
import contextlib
import gzip
import json
import re
import shlex
import smtplib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from pathlib import PurePosixPath
from typing import Any, TypeVar

from testinfra.host import Host

from end_to_end import samples

MAILBOX_USER = "probe"
RECIPIENT = "probe@example.test"
MAILDIR = "/home/probe/Maildir"
QUARANTINE = PurePosixPath("/var/lib/mailcordon/virusmails")
FRAGMENTS = "/etc/mailcordon/conf.d"

T = TypeVar("T")


@dataclass(frozen=True)
class Reply:
    """What Postfix answered at the end of a transaction."""

    code: int
    text: str
    client_address: str


@dataclass(frozen=True)
class QueuedMail:
    """A mail that waits in Postfix's queue, and why."""

    queue_name: str
    reason: str


def new_token() -> str:
    """A name for one mail that nothing else has."""
    return f"t{uuid.uuid4().hex[:16]}"


def wait_for(what: str, look: Callable[[], T | None], timeout: float = 30.0, pause: float = 0.5) -> T:
    """Looks until something is there.

    Raises:
        AssertionError: after the timeout, in seconds.
    """
    deadline = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not seen within {timeout:.0f} s: {what}"
        time.sleep(pause)


class Gateway:
    """A mail host in a container, reached through testinfra and through its port 25."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.address: str = host.check_output("hostname -I").split()[0]
        self.hostname: str = host.check_output("hostname -f")

    # -- sending ---------------------------------------------------------------------------------------------------

    def send(
        self, token: str, message: bytes, recipient: str = RECIPIENT, port: int = 25, sender: str | None = None
    ) -> Reply:
        """Sends one mail from outside, as another mail server would. `sender`: not the one of the token."""
        with smtplib.SMTP(self.address, port, local_hostname="client.sender.example", timeout=60) as client:
            assert client.sock is not None
            own_address = client.sock.getsockname()[0]
            client.ehlo_or_helo_if_needed()
            code, text = client.mail(samples.sender_of(token) if sender is None else sender, ["BODY=8BITMIME"])
            if code < 400:
                code, text = client.rcpt(recipient)
            if code < 400:
                code, text = client.data(message)
        return Reply(code, text.decode(errors="replace"), own_address)

    def send_in_one_session(self, mails: list[tuple[str, bytes]]) -> list[Reply]:
        """Sends several mails, each with its token, in one SMTP session, whatever the replies are."""
        replies = []
        with smtplib.SMTP(self.address, 25, local_hostname="client.sender.example", timeout=60) as client:
            assert client.sock is not None
            own_address = client.sock.getsockname()[0]
            client.ehlo_or_helo_if_needed()
            for token, message in mails:
                client.mail(samples.sender_of(token))
                client.rcpt(RECIPIENT)
                code, text = client.data(message)
                replies.append(Reply(code, text.decode(errors="replace"), own_address))
        return replies

    def sendmail(self, token: str, message: bytes, recipient: str = RECIPIENT, sender: str | None = None) -> None:
        """Hands a mail to sendmail(1) on the host, as a program there does. `sender`: not the one of the token."""
        with self.file(f"/tmp/{token}", message.replace(b"\r\n", b"\n")) as path:
            author = samples.sender_of(token) if sender is None else sender
            self.host.check_output(f"sendmail -i -f {author} {recipient} < {path}")

    def send_text(self, body: bytes = samples.BODY.encode()) -> str:
        """Sends a text mail that must be accepted; returns its token."""
        token = new_token()
        self.send_accepted(token, samples.text_mail(token, RECIPIENT, body))
        return token

    def send_form(self, form: str, content: bytes) -> str:
        """Sends content in one of the forms of `samples.FORMS`; returns the mail's token."""
        token = new_token()
        self.send_accepted(token, samples.FORMS[form](token, RECIPIENT, content))
        return token

    def send_accepted(self, token: str, message: bytes) -> Reply:
        """Sends a mail that Postfix must accept."""
        reply = self.send(token, message)
        assert reply.code == 250, f"Postfix refused the mail: {reply.code} {reply.text}"
        return reply

    # -- what became of it -----------------------------------------------------------------------------------------

    def delivered(self, token: str) -> list[bytes]:
        """All copies of the mail in the mailbox, with LF line ends as local(8) writes them."""
        listed = self.host.run(f"grep -rlF -- {token} {MAILDIR}/new {MAILDIR}/cur")
        return [self.host.file(path).content for path in listed.stdout.split()]

    def wait_delivered(self, token: str, timeout: float = 30.0) -> bytes:
        """The mail from the mailbox; waits for it. There must be one copy only."""
        copies = wait_for(f"mail {token} in the mailbox", lambda: self.delivered(token), timeout)
        assert len(copies) == 1, f"mail {token} was delivered {len(copies)} times"
        return copies[0]

    def passes_unchanged(self, token: str, message: bytes) -> bytes:
        """Sends a mail whose body must arrive as it was sent; returns the delivered mail."""
        self.send_accepted(token, message)
        delivered = self.wait_delivered(token)
        assert body_of(delivered) == body_of(message)
        return delivered

    def log_entries(self, token: str) -> list[str]:
        """The daemon's main log entries (contract B8.02) for the mail."""
        journal = self.host.run(f"journalctl -q -t amavis -o cat --no-pager | grep -F -- {token}").stdout
        return [line for line in journal.splitlines() if re.search(r"\b(Passed|Blocked) ", line)]

    def wait_logged(self, token: str, kind: str, timeout: float = 30.0) -> str:
        """The main log entry that begins with `kind` (`Passed` or `Blocked`) for the mail; waits for it."""

        def look() -> str | None:
            return next((line for line in self.log_entries(token) if f"{kind} " in line), None)

        return wait_for(f"'{kind}' in the log for mail {token}", look, timeout)

    def quarantined(self, log_entry: str) -> bytes | None:
        """The mail kept under the quarantine id that the log entry names; None if there is no such file."""
        named = re.search(r"quarantine: ([^,\s]+)", log_entry)
        if named is None:
            return None
        kept = self.host.file(str(QUARANTINE / named.group(1)))
        if not kept.exists:
            return None
        content: bytes = kept.content
        return gzip.decompress(content) if named.group(1).endswith(".gz") else content

    def queued(self, token: str) -> QueuedMail | None:
        """The mail in Postfix's queue, if it is there."""
        for line in self.host.check_output("postqueue -j").splitlines():
            entry: dict[str, Any] = json.loads(line)
            if entry["sender"].startswith(token):
                reasons = [recipient.get("delay_reason", "") for recipient in entry["recipients"]]
                return QueuedMail(entry["queue_name"], "; ".join(reasons))
        return None

    def wait_deferred(self, token: str, timeout: float = 90.0) -> QueuedMail:
        """The mail in the deferred queue, with a reason; waits for it."""

        def look() -> QueuedMail | None:
            mail = self.queued(token)
            return mail if mail and mail.queue_name == "deferred" and mail.reason else None

        return wait_for(f"mail {token} deferred", look, timeout)

    def flush_until(self, what: str, look: Callable[[], T | None], timeout: float = 90.0) -> T:
        """Asks Postfix to try its queue again until something is there."""

        def flush_and_look() -> T | None:
            self.host.run("postqueue -f")
            time.sleep(1)
            return look()

        return wait_for(what, flush_and_look, timeout, pause=1.0)

    # -- services and files ----------------------------------------------------------------------------------------

    def systemctl(self, *words: str) -> None:
        """Runs systemctl; a failure shows the journal of the units."""
        result = self.host.run("systemctl " + shlex.join(words))
        assert result.rc == 0, f"systemctl {shlex.join(words)}: {result.stderr}\n{self.journal(*words[1:])}"

    def journal(self, *units: str, lines: int = 40) -> str:
        """The last lines of the journal, of all units or of some."""
        chosen = " ".join(f"-u {shlex.quote(unit)}" for unit in units)
        text: str = self.host.run(f"journalctl -q --no-pager -n {lines} {chosen}").stdout
        return text

    def main_pid(self, unit: str) -> int:
        """The main process of a service, 0 when it does not run."""
        return int(self.host.check_output(f"systemctl show -p MainPID --value {unit}"))

    def wait_scanner(self) -> None:
        """Waits until clamd answers."""
        wait_for("clamd answers PING", lambda: self.host.run("clamdscan --ping 1").rc == 0, timeout=120)

    def write(self, path: str, content: bytes) -> None:
        """Writes a small file (below 90 KB) on the host."""
        encoded = base64.b64encode(content).decode()
        self.host.check_output(f"echo {encoded} | base64 -d > {shlex.quote(path)}")

    @contextlib.contextmanager
    def file(self, path: str, content: bytes) -> Iterator[str]:
        """A file on the host that is gone afterwards."""
        self.write(path, content)
        try:
            yield path
        finally:
            self.host.check_output(f"rm -f {shlex.quote(path)}")

    @contextlib.contextmanager
    def stopped(self, *units: str) -> Iterator[None]:
        """Units that stand still for a while. All are started again, in reverse order."""
        self.systemctl("stop", *units)
        try:
            yield
        finally:
            self.systemctl("start", *reversed(units))


def parse(mail: bytes) -> Message:
    """The header section of a delivered mail."""
    return BytesParser(policy=compat32).parsebytes(mail, headersonly=True)


def body_of(mail: bytes) -> bytes:
    """All after the header section, with CRLF line ends."""
    _, _, body = mail.replace(b"\r\n", b"\n").partition(b"\n\n")
    return body.replace(b"\n", b"\r\n")
