"""Provisions the demo host, sends one mail of each kind through its Postfix, and prints what became of each.

The host is left running. Exit code 0 when every mail fared as expected.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "demo"
HOST = "mailcordon-demo"
MAILDIR = "/home/probe/Maildir"

# A log has room for whole paths, a terminal has the width it has
console = Console(width=None if sys.stdout.isatty() else 170)


@dataclass(frozen=True)
class Kind:
    """One kind of mail: the name that mail_probe gives it, and what it is."""

    name: str
    content: str


KINDS = [
    Kind("clean", "a clean mail"),
    Kind("eicar", "EICAR, attached as it is"),
    Kind("eicar_base64", "EICAR in base64"),
    Kind("eicar_zip", "EICAR in a zip"),
    Kind("eicar_zip_zip", "EICAR in a zip in a zip"),
    Kind("banned", "a banned attachment"),
    Kind("banned_zip", "a banned name in a zip"),
    Kind("twin", "harmless twin, as it is"),
    Kind("twin_base64", "harmless twin in base64"),
    Kind("twin_zip", "harmless twin in a zip"),
    Kind("twin_zip_zip", "harmless twin in a zip in a zip"),
    Kind("gtube", "GTUBE, the test string of spam"),
    Kind("twin_gtube", "harmless twin of GTUBE"),
    Kind("twin_banned", "harmless twin of the banned one"),
    Kind("twin_banned_zip", "harmless twin of it, in a zip"),
]
HARMFUL = ("eicar", "gtube", "banned")
"""How the names of those begin that must be blocked."""


def run(title: str, command: list[str], log_name: str) -> None:
    """Runs a command, showing the names of Ansible's plays and tasks as they come; the rest goes to a log.

    Raises:
        SystemExit: when it fails, after showing the errors.
    """
    log_path = BUILD / log_name
    started = time.monotonic()
    console.print(f"[bold]{title}[/bold] (log: {log_path.relative_to(ROOT)})")
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    errors: list[str] = []
    with log_path.open("w") as log, console.status("starting") as status:
        for line in process.stdout:
            log.write(line)
            log.flush()
            errors += [line.rstrip()] if line.startswith(("fatal:", "[ERROR]", "ERROR", "base-image:")) else []
            if line.startswith(("base-image:", "ensure-docker:")):
                console.print(f"  {line.rstrip()}", markup=False)
            elif line.startswith(("PLAY [", "TASK [")):
                name = line[line.index("[") + 1 : line.rindex("]")]
                seconds = time.monotonic() - started
                if line.startswith("PLAY") or not console.is_terminal:
                    console.print(f"  {seconds:4.0f} s  {name}", markup=False, highlight=False)
                status.update(f"{seconds:4.0f} s  {name}")
    if process.wait() != 0:
        for error in errors[-5:]:
            console.print(error, markup=False, style="red")
        sys.exit(f"demo: this step failed, see {log_path}")


def environment() -> dict[str, str]:
    """The tools of .venv first, the collection from its tarball, output fit for a log."""
    return {
        **os.environ,
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "MOLECULE_GLOB": "molecule/*/molecule.yml",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }


def host_is_running() -> bool:
    """Whether the host of an earlier run is there to be provisioned again."""
    inspect = ["docker", "container", "inspect", "--format", "{{.State.Running}}", HOST]
    return subprocess.run(inspect, capture_output=True, text=True, check=False).stdout.strip() == "true"


def probe() -> list[dict[str, Any]]:
    """Sends the mails; one result a kind, as the module mail_probe returns them."""
    result_file = BUILD / "probes.json"
    result_file.unlink(missing_ok=True)
    variables = {
        "demo_probes": [kind.name for kind in KINDS],
        "demo_result_file": str(result_file),
        "demo_maildir": MAILDIR,
    }
    run(
        "Sending mail through Postfix",
        [
            "ansible-playbook",
            "-i",
            str(HERE / "inventory.yml"),
            "-e",
            json.dumps(variables),
            str(HERE / "probe.yml"),
        ],
        "probe.log",
    )
    results: list[dict[str, Any]] = json.loads(result_file.read_text())
    return results


def where(result: dict[str, Any]) -> str:
    """Where the mail lies now."""
    if result["outcome"] == "delivered":
        return f"mailbox {MAILDIR}" + ("" if result["body_intact"] else " (BODY CHANGED)")
    if result.get("quarantine_path"):
        return str(result["quarantine_path"])
    return str(result.get("queue_reason") or result.get("smtp_reply") or "nowhere")


def show(results: list[dict[str, Any]]) -> bool:
    """Prints the table. True when every mail fared as expected, blocked ones lie in the quarantine included."""
    content = {kind.name: kind.content for kind in KINDS}
    table = Table(title="What became of the mails")
    for column in ("mail", "expected", "became", "where", "seconds"):
        table.add_column(column, overflow="fold", justify="right" if column == "seconds" else "left")
    good = len(results) == len(KINDS)
    for result in results:
        harmful = result["kind"].startswith(HARMFUL)
        kept = result["outcome"] != "blocked" or bool(result["quarantined"])
        # A harmless mail must be seen in the mailbox: that the log says so is not enough here
        arrived = harmful or result["outcome"] == "delivered"
        as_expected = bool(result["as_expected"]) and kept and arrived
        good = good and as_expected
        found = ", ".join(result["virus_names"]) or result["category"] or ""
        table.add_row(
            content[result["kind"]],
            "blocked" if harmful else "delivered",
            f"{result['outcome']}" + (f" ({found})" if found else ""),
            where(result),
            f"{result['seconds']:.1f}",
            style="green" if as_expected else "bold red",
        )
    console.print(table)
    return good


def say_how_to_look_around() -> None:
    """The commands for a look at the running host."""
    commands = {
        f"docker exec -it {HOST} bash": "a shell on it",
        f"docker exec {HOST} journalctl -t amavis -o cat": "the filter's log",
        f"docker exec {HOST} find /var/lib/mailcordon/virusmails -type f": "the quarantine",
        f"docker exec {HOST} mailcordon check-config --show": "the effective configuration",
        f"docker exec {HOST} postqueue -p": "Postfix's queue",
        "make demo-clean": "removes the host",
    }
    width = max(map(len, commands))
    console.print("\nThe host is still running. To look around:")
    for command, meaning in commands.items():
        console.print(f"  {command:<{width}}  {meaning}", markup=False, highlight=False)
    console.print()


def main() -> int:
    """Provision, probe, print."""
    BUILD.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    if not host_is_running():
        # Molecule goes by its notes: it would look for a host that was stopped or removed by hand.
        run("Forgetting an earlier host", ["molecule", "destroy", "--no-command-borders", "-s", "demo"], "destroy.log")
    run("Provisioning the mail host", ["molecule", "converge", "--no-command-borders", "-s", "demo"], "provision.log")
    good = show(probe())
    say_how_to_look_around()
    minutes, seconds = divmod(int(time.monotonic() - started), 60)
    if good:
        console.print(f"Every mail fared as expected ({minutes} min {seconds} s).", style="bold green", highlight=False)
    else:
        console.print("Not every mail fared as expected: see the red rows.", style="bold red")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
