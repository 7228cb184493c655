#!/usr/bin/env python3
"""Measures what compiled rules (sa-compile) gain: `make bench`'s messages through a spamd with them and one without.

To be run as root on a host with spamd, spamc and sa-compile where `sa-compile` has been run, such as one of the
Molecule scenario `spamassassin`. Both spamds have one child and local tests only. They take turns, so that other load
on the machine meets both alike; no two messages have the same body. Shown are medians for one message: seconds on the
wall, and seconds of processor time, which other load touches less.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "daemon"))
from bench.messages import Mails

SITE_CONFIGURATION = Path("/etc/spamassassin")
PLUGIN = "loadplugin Mail::SpamAssassin::Plugin::Rule2XSBody"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
WARM_UP = 2


@dataclass(frozen=True)
class Spent:
    """Seconds for one message."""

    wall: float
    processor: float


class Spamd:
    """A spamd with one child."""

    def __init__(self, socket: Path, child: int) -> None:
        self._socket = socket
        self._child = child

    def check(self, message: bytes) -> Spent:
        before, start = self._processor_time(), time.perf_counter()
        subprocess.run(["spamc", "-c", "-s", "1000000", "-U", self._socket], input=message, stdout=subprocess.DEVNULL)
        return Spent(time.perf_counter() - start, self._processor_time() - before)

    def _processor_time(self) -> float:
        fields = Path(f"/proc/{self._child}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def copy_configuration(site: Path, *, compiled: bool) -> None:
    """Debian's package sa-compile has a fragment of its own that loads the plugin, so each spamd gets a copy."""
    shutil.copytree(SITE_CONFIGURATION, site)
    for path in site.glob("*.pre"):
        path.write_text("".join(line for line in path.open() if not line.lstrip().startswith(PLUGIN)))
    if compiled:
        (site / "compiled.pre").write_text(PLUGIN + "\n")


@contextlib.contextmanager
def spamd(directory: Path, name: str, *, compiled: bool) -> Iterator[Spamd]:
    """Raises SystemExit if spamd does not answer within two minutes."""
    socket = directory / f"{name}.sock"
    site = directory / name
    copy_configuration(site, compiled=compiled)
    command = ["spamd", "--local", "--nouser-config", "--max-children=1", "--max-conn-per-child=100000"]
    command += [f"--socketpath={socket}", f"--pidfile={directory / name}.pid", "--syslog=null", "--cf=use_bayes 0"]
    command += [f"--siteconfigpath={site}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            if subprocess.run(["spamc", "-K", "-U", socket], capture_output=True).returncode == 0:
                break
            time.sleep(0.2)
        else:
            sys.exit(f"spamd ({name}) does not answer")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield Spamd(socket, int(children[0]))
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=30, help="of each size (default: %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as path, contextlib.ExitStack() as servers:
        # spamd has given up root before it reads its configuration.
        Path(path).chmod(0o755)
        interpreted = servers.enter_context(spamd(Path(path), "interpreted", compiled=False))
        compiled = servers.enter_context(spamd(Path(path), "compiled", compiled=True))
        for kind in ("4k", "64k"):
            mails = iter(Mails(kind, "bob@example.test").take(arguments.messages + WARM_UP))
            spent: dict[str, list[Spent]] = {"interpreted": [], "compiled": []}
            # The first messages pay for what Perl puts off until it is needed.
            for number in range(-WARM_UP, arguments.messages):
                mail = next(mails)
                turns = [("interpreted", interpreted), ("compiled", compiled)]
                for name, server in turns if number % 2 else reversed(turns):
                    took = server.check(mail)
                    if number >= 0:
                        spent[name].append(took)
            for name, all_spent in spent.items():
                wall = statistics.median(one.wall for one in all_spent)
                processor = statistics.median(one.processor for one in all_spent)
                print(f"{kind:>3} {name:12} wall {wall:.3f} s  processor {processor:.3f} s")  # noqa: T201


if __name__ == "__main__":
    main()
