"""`mailcordon stats`: the counters, as amavisd-agent shows them (B17.07, features 15.01)."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import click

from mailcordon.cli.options import config_directories
from mailcordon.cli.watching import directory_of, repeated, watch
from mailcordon.run.counter_bases import bases_of, is_size, is_time
from mailcordon.run.counter_directory import DaemonView
from mailcordon.run.rates import History, Rates

_MEGABYTE = 1024 * 1024
_SECTIONS = {"virus.byname.": "viruses", "virus.byOS.": "", "spam.byOS.": "", "ham.byOS.": ""}


@click.command()
@config_directories
@repeated(10)
@click.option("--json", "as_json", is_flag=True, help="An object for each display, each on a line of its own.")
def stats(config_directories: tuple[Path, ...], seconds: float, count: int | None, as_json: bool) -> None:
    """Show counters, how fast they grow, and what part of others they are.

    Rates are those of the last five minutes, or since the start of the daemon until so much is known. Exit status: 0,
    69 when no daemon is running, 78 bad configuration.
    """
    history = History()

    def show(view: DaemonView | None) -> str:
        now = time.time()
        rates = history.rates(view, now) if view else Rates(0, {})
        if as_json:
            return json.dumps(as_dict(view, rates, now))
        return "\n".join(lines(view, rates, now))

    watch(directory_of(config_directories), show, seconds=seconds, count=count)


def lines(view: DaemonView | None, rates: Rates, now: float) -> Iterator[str]:
    """What is printed."""
    if view is None:
        yield "no daemon is running"
        return
    yield f"{'sysDescr':<15} STRING   mailcordon-{view.version}"
    yield f"{'sysName':<15} STRING   {view.hostname}"
    yield f"{'sysUpTime':<15} Timeticks {round(100 * (now - view.started_at))} ({_uptime(now - view.started_at)})"
    yield ""
    for group in ("", *_SECTIONS):
        yield from _section(group, view, rates)


def _section(prefix: str, view: DaemonView, rates: Rates) -> Iterator[str]:
    names = [name for name in view.counters if _group(name) == prefix and view.counters[name]]
    if prefix and names:
        yield ""
        names.sort(key=lambda name: -view.counters[name])
    for name in names:
        yield _line(name, view.counters, rates)


def _group(name: str) -> str:
    return next((prefix for prefix in _SECTIONS if name.startswith(prefix)), "")


def _line(name: str, counters: dict[str, float], rates: Rates) -> str:
    value, rate = counters[name], rates.per_hour(name)
    if is_size(name):
        text = f"{name:<35} {value / _MEGABYTE:6.0f}MB {rate / _MEGABYTE:6.0f}MB/h"
    elif is_time(name):
        each = value / 1000 / counters["InMsgs"] if counters.get("InMsgs") else 0.0
        text = f"{name:<35} {value / 1000:6.0f} s {each:8.3f} s/msg"
    else:
        text = f"{name:<35} {value:6.0f} {rate:6.0f}/h"
    return text + "".join(
        f" {100 * value / counters[base]:7.1f} % ({base})" for base in bases_of(name) if counters.get(base)
    )


def _uptime(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} days, {hours}:{minutes:02}:{rest:02}"


def as_dict(view: DaemonView | None, rates: Rates, now: float) -> dict[str, object]:
    """What `--json` prints: counts in their own units, octets and milliseconds among them."""
    if view is None:
        return {"running": False}
    return {
        "running": True,
        "hostname": view.hostname,
        "version": view.version,
        "uptime": round(now - view.started_at, 3),
        "counters": {
            name: {
                "count": int(value) if value.is_integer() else round(value, 3),
                "per_hour": round(rates.per_hour(name), 3),
                "percent_of": {
                    base: round(100 * value / view.counters[base], 1)
                    for base in bases_of(name)
                    if view.counters.get(base)
                },
            }
            for name, value in view.counters.items()
        },
    }
