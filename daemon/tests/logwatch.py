"""logwatch's script for amavisd-new (Debian's package logwatch), a log parser that we did not write."""

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field

SCRIPT = "/usr/share/logwatch/scripts/services/amavis"
_COUNT = re.compile(r" *(\d+) {3}(.*?) (?:-+ )? *[\d.]+%")
_ENTRY = re.compile(r"(?:<\d+>)?(?:\w{3} [ \d]\d [\d:]{8}(?:\.\d+)? )?(amavis\[\d+\]: .*)")


@dataclass
class Report:
    """What the script makes of a log."""

    text: str
    counts: dict[str, int] = field(default_factory=dict)
    """By the names of its summary, such as `Spam blocked`."""
    unmatched: list[str] = field(default_factory=list)
    """Entries that it does not know, without time and process."""


def read_log(lines: Iterable[str]) -> Report:
    """Have the script read log lines, which are written as rsyslog writes them to its files."""
    log = "".join(f"Nov 25 12:00:00 gate {match[1]}\n" for match in map(_ENTRY.fullmatch, lines) if match)
    run = subprocess.run(
        ["perl", SCRIPT, "--detail", "10"],
        input=log.encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert run.stderr == b"", run.stderr
    assert run.returncode == 0
    text = run.stdout.decode()
    report = Report(text)
    summary, _, unmatched = text.partition("**Unmatched Entries**")
    for line in summary.partition("*** Detail")[0].splitlines():
        count = _COUNT.fullmatch(line)
        if count:
            report.counts[count[2].strip()] = int(count[1])
    report.unmatched = [re.sub(r"^.*?amavis\[\d+\]: ", "", line) for line in unmatched.splitlines() if line.strip()]
    return report
