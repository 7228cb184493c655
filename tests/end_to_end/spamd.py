"""spamd of a host under test, asked as its clients ask it."""

import base64
import re
from dataclasses import dataclass

from testinfra.host import Host

SOCKET = "/run/spamassassin/spamd.sock"


@dataclass(frozen=True)
class Report:
    """What spamd says of a message: points, threshold, and the points of each test that hit."""

    score: float
    threshold: float
    tests: dict[str, float]


class Spamd:
    """A host's spamd, reached with spamc."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def report(self, message: bytes, user: str | None = None) -> Report:
        """Have a message rated, for one user of spamd or for its own account."""
        for_user = f"-u {user}" if user else ""
        answer = self.feed(message, f"spamc -R -E -U {SOCKET} {for_user}")
        match = re.match(r"(-?[\d.]+)/(-?[\d.]+)\s+tests=(\S*)", answer)
        assert match, f"spamc answers {answer!r}"
        tests = dict(pair.split("=") for pair in match.group(3).split(",") if "=" in pair)
        return Report(float(match[1]), float(match[2]), {name: float(points) for name, points in tests.items()})

    def feed(self, message: bytes, command: str) -> str:
        """Run a command on the host that reads a message; its output, whatever its exit code."""
        encoded = base64.b64encode(message).decode()
        return str(self.host.run(f"echo {encoded} | base64 -d | {command}").stdout)

    def journal(self, text: str) -> list[str]:
        """Lines of spamd in the host's journal that hold a text."""
        lines = self.host.check_output("journalctl -q --no-pager -o cat -t spamd").splitlines()
        return [line for line in lines if text in line]
