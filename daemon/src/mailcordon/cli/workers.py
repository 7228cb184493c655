"""`mailcordon workers`: what each worker does now, as amavisd-nanny shows it (B17.08, features 15.02)."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import click

from mailcordon.cli.options import config_directories
from mailcordon.cli.watching import directory_of, repeated, watch
from mailcordon.mail.timing import STATES
from mailcordon.run.counter_directory import DaemonView

_SECONDS_A_MARK = 2
_LONGEST_BAR = 40


@click.command()
@config_directories
@repeated(2)
@click.option("--json", "as_json", is_flag=True, help="An object for each display, each on a line of its own.")
def workers(config_directories: tuple[Path, ...], seconds: float, count: int | None, as_json: bool) -> None:
    """Show what each worker does now: the messages before it, with state, time and a bar of two seconds a mark.

    Nothing is done to the workers; the daemon itself replaces those that hang. Exit status: 0, 69 when no daemon is
    running, 78 bad configuration.
    """

    def show(view: DaemonView | None) -> str:
        now = time.time()
        return json.dumps(as_dict(view, now)) if as_json else "\n".join(lines(view, now))

    watch(directory_of(config_directories), show, seconds=seconds, count=count)


def lines(view: DaemonView | None, now: float) -> Iterator[str]:
    """What is printed; one line for each message, or for a worker without any."""
    if view is None:
        yield "no daemon is running"
        return
    busy = sum(bool(worker.messages) for worker in view.workers)
    messages = sum(len(worker.messages) for worker in view.workers)
    yield f"{view.hostname}, {len(view.workers)} workers, {busy} busy, {messages} messages"
    for worker in view.workers:
        if not worker.messages:
            yield f"PID {worker.pid:>7}:   {'':<18}"
        for message in worker.messages:
            elapsed = now - message.began
            bar = message.state * min(int(elapsed / _SECONDS_A_MARK) + 1, _LONGEST_BAR)
            yield f"PID {worker.pid:>7}: {message.state:1} {message.log_id:<18} {_elapsed(elapsed)} {bar}"


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def as_dict(view: DaemonView | None, now: float) -> dict[str, object]:
    """What `--json` prints; times in seconds."""
    if view is None:
        return {"running": False}
    return {
        "running": True,
        "hostname": view.hostname,
        "workers": [
            {
                "pid": worker.pid,
                "messages": [
                    {
                        "id": message.log_id,
                        "state": message.state,
                        "meaning": STATES.get(message.state, ""),
                        "elapsed": round(now - message.began, 3),
                        "in_state": round(now - message.since, 3),
                    }
                    for message in worker.messages
                ],
            }
            for worker in view.workers
        ],
    }
