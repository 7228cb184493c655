"""The way of a mail through a whole gateway: Postfix, the filter, Postfix again, and away."""

import os
import shutil
import subprocess
import time
from pathlib import Path

from bench import clients
from bench.messages import Mails
from bench.processes import Program, free_port, installed, wait_until_gone

RECIPIENT = "bob@sinkhole.example.test"
_QUEUES = ("maildrop", "incoming", "active", "deferred")
_FEEDS = {
    # LMTP, and as many at a time as the filter takes (B20.01)
    "mailcordon": ("lmtp", 40),
    # What its README.postfix recommends: as many as it has children
    "amavisd-new": ("smtp", 4),
}


class PostfixLoop(Program):
    """A Postfix of its own: mail comes in, goes through a filter, comes back on another port, is discarded."""

    def __init__(self, directory: Path, further_settings: str = "") -> None:
        """Prepares its directories; it starts only after `lead_through`.

        `further_settings` are lines of main.cf, which win over ours.
        """
        self._further_settings = further_settings
        self.port = free_port()
        self.way_back = free_port()
        self._etc, self._spool = directory / "etc", directory / "spool"
        for path in (self._etc, self._spool, directory / "data"):
            path.mkdir()
        shutil.chown(directory / "data", "postfix")
        files = Path("/etc/postfix/postfix-files")
        if files.exists():
            shutil.copy(files, self._etc)
        self._postfix = [installed("postfix", "postfix"), "-c", str(self._etc)]
        super().__init__("postfix", [*self._postfix, "start-fg"], self.port, directory / "postfix.output")

    def stop(self) -> None:
        """Stop it with all its processes, which the command that started it would leave behind.

        Returns when all of them are gone: an smtpd that is still about to leave keeps its port, and takes connections
        of which nobody answers any more.
        """
        family = self._family()
        if family:
            subprocess.run([*self._postfix, "abort"], check=False, capture_output=True)
        super().stop()
        wait_until_gone(family)

    def lead_through(self, filter_name: str, filter_port: int) -> None:
        """Use that filter from the next start on."""
        protocol, processes = _FEEDS[filter_name]
        (self._etc / "main.cf").write_text(
            f"""compatibility_level = 3.6
queue_directory = {self._spool}
data_directory = {self._spool.parent}/data
daemon_directory = /usr/lib/postfix/sbin
command_directory = /usr/sbin
myhostname = loop.example.test
mydestination =
relay_domains = sinkhole.example.test
relay_transport = discard:
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
message_size_limit = 52428800
maillog_file = {self._spool.parent}/maillog
maillog_file_prefixes = {self._spool.parent}
content_filter = feed:[127.0.0.1]:{filter_port}
feed_destination_concurrency_limit = {processes}
{self._further_settings}"""
        )
        feed = (
            f"feed unix - - n - {processes} {protocol}\n"
            f"  -o {protocol}_data_done_timeout=1200s\n  -o {protocol}_send_xforward_command=yes\n"
            f"  -o {protocol}_dns_support_level=disabled\n  -o max_use=20\n"
        )
        way_back = (
            f"127.0.0.1:{self.way_back} inet n - n - - smtpd\n  -o content_filter=\n  -o smtpd_error_sleep_time=0\n"
            "  -o smtpd_client_connection_count_limit=0\n  -o smtpd_client_connection_rate_limit=0\n"
            "  -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_milters\n"
            "  -o smtpd_authorized_xforward_hosts=127.0.0.0/8\n"
        )
        (self._etc / "master.cf").write_text(
            f"127.0.0.1:{self.port} inet n - n - - smtpd\n  -o smtpd_client_connection_count_limit=0\n"
            + feed
            + way_back
            + _SERVICES
        )

    def queued(self) -> int:
        """Messages that have not left yet."""
        return sum(len(files) for queue in _QUEUES for _, _, files in os.walk(self._spool / queue))

    def measure(self, kind: str, number: int, concurrency: int) -> tuple[clients.Load, float]:
        """Send that many messages in; the clients' view and the seconds until the last one has left."""
        messages = Mails(kind, RECIPIENT).take(number)
        started = time.perf_counter()
        load = clients.drive(clients.smtp(self.port, RECIPIENT, pipelining=True), messages, concurrency)
        while self.queued():
            time.sleep(0.05)
        return load, time.perf_counter() - started


_SERVICES = """pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
smtp unix - - n - - smtp
postlog unix-dgram n - n - 1 postlogd
"""
