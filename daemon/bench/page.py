"""`python -m bench.page RESULT PAGE`: puts the figures of a benchmark's JSON into a page of the documentation."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from bench.store import HEADS, StoreRow, cells

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_MARKED = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
_HEADS = ("subject", "work", "mail", "client", "at a time", "mails/s", "p50 ms", "p95 ms", "CPU ms a mail", "PSS MB")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("result", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(result: Path, page: Path) -> None:
    """Replaces what stands in PAGE between the marks of the figures by those of RESULT (from `bench --json`)."""
    text = page.read_text()
    if not _MARKED.search(text):
        raise click.ClickException(f"{page} has no lines '{BEGIN}' and '{END}'")
    figures = "\n".join(render(json.loads(result.read_text())))
    page.write_text(_MARKED.sub(lambda _: f"{BEGIN}\n\n{figures}\n\n{END}", text))


def render(result: dict[str, Any]) -> Iterator[str]:
    """The lines of all tables, targets first."""
    machine = result["machine"]
    yield f"{machine['cores']} cores, {machine['machine']}, Python {machine['python']}.\n"
    yield from _table(
        ("target", "goal", "measured", ""),
        (
            (
                target["title"],
                f"{'>=' if target['at_least'] else '<='} {target['goal']:.3g}",
                "not measured" if target["value"] is None else f"{target['value']:.3g}",
                {True: "reached", False: "**missed**", None: ""}[target["reached"]],
            )
            for target in result["targets"]
        ),
    )
    yield ""
    yield from _table(_HEADS, map(_cells, result["rows"]))
    if splitter := result.get("splitter"):
        yield ""
        yield from _table(("parser of MIME", "mail KB", "ms", "peak MB"), map(_splitter_cells, splitter))
    if store := result.get("store"):
        yield ""
        yield from _table(HEADS, (cells(StoreRow(**row)) for row in store))


def _cells(row: dict[str, Any]) -> Sequence[str]:
    names = (row["subject"], row["work"], row["kind"], row["client"], str(row["concurrency"]))
    rate = f"{row['rate']:,.1f}" + ("?" if row["disturbed"] else "")
    times = (f"{row['p50_ms']:.1f}", f"{row['p95_ms']:.1f}", f"{row['subject_cpu_ms']:.2f}")
    return *names, rate, *times, f"{row['memory_mb']:.0f}"


def _splitter_cells(row: dict[str, Any]) -> Sequence[str]:
    return row["parser"], f"{row['size'] / 1024:,.0f}", f"{row['milliseconds']:.2f}", f"{row['peak_mb']:.2f}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _line(heads)
    yield "|" + "---|" * len(heads)
    yield from map(_line, rows)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
