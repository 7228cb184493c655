#!/usr/bin/env python3
"""Compare the items of features.yml and contracts.yml with the tests that name them, and write the pages about it in
docs/ or check them (--check). `item_mentions.py` says how a test names an item.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from item_mentions import Coverage, collect_file

ROOT = Path(__file__).resolve().parents[2]
TESTS = ["tests/**/test_*.py", "molecule/*/tests*/test_*.py", "daemon/tests/**/test_*.py"]
SHOWN = 3  # tests of one item on the page

INTRODUCTION = """# {title}

{subject}: the tests that name it, or the reason why there is none. This page is made by
`tests/roles/feature_coverage.py` from the tests and from `tests/roles/{data}`; `make lint` fails when an item has
neither test nor reason, or both.
"""


@dataclass(frozen=True)
class Catalogue:
    """The content of features.yml or contracts.yml, and the page about it."""

    kind: str
    chapters: dict[str, str]
    items: dict[str, str]
    reasons: dict[str, str]
    page: Path
    title: str = ""
    subject: str = ""

    @property
    def data(self) -> str:
        return f"{self.kind}.yml"


def load(kind: str, page: str, title: str, subject: str) -> Catalogue:
    data = yaml.safe_load(Path(__file__).with_name(f"{kind}.yml").read_text())
    return Catalogue(kind, data["chapters"], data["items"], data["reasons"] or {}, ROOT / "docs" / page, title, subject)


def load_all() -> list[Catalogue]:
    return [
        load(
            "features",
            "coverage.md",
            "What is covered by which test",
            "One line for each thing that a mail gateway of this kind has to manage",
        ),
        load(
            "contracts",
            "coverage_of_contracts.md",
            "Which test holds which contract",
            "One line for each thing that other programs and administrators of amavisd-new rely on",
        ),
    ]


def collect() -> Coverage:
    """What all test files name, but for the tests of this very program."""
    coverage = Coverage()
    for path in sorted({path for pattern in TESTS for path in ROOT.glob(pattern)}):
        if path != Path(__file__).with_name("test_feature_coverage.py"):
            collect_file(str(path.relative_to(ROOT)), path.read_text(), coverage)
    return coverage


def problems(catalogue: Catalogue, coverage: Coverage) -> list[str]:
    """What is wrong, one line each."""
    kind, data = catalogue.kind, catalogue.data
    found = []
    for item, what in catalogue.items.items():
        tests, files, reason = coverage.tests.get(item), coverage.files.get(item), catalogue.reasons.get(item)
        if tests and reason:
            found.append(f"{kind} {item} ({what}): {data} gives a reason, yet {tests[0]} tests it; delete the reason")
        if not tests and not reason:
            which = f", {files[0]} does outside of its tests," if files else ""
            found.append(f"{kind} {item} ({what}): no test names it{which} and {data} gives no reason")
    found += [
        f"{data}: reason for {item}, which is no item" for item in catalogue.reasons if item not in catalogue.items
    ]
    for item, named in (*coverage.tests.items(), *coverage.files.items()):
        if item.split(".")[0] in catalogue.chapters and item not in catalogue.items:
            found.append(f"{named[0]} names {kind} {item}, which does not exist")
    return found


def page(catalogue: Catalogue, coverage: Coverage) -> str:
    """The whole page."""
    parts = [INTRODUCTION.format(title=catalogue.title, subject=catalogue.subject, data=catalogue.data)]
    for chapter, title in catalogue.chapters.items():
        parts.append(f"## {chapter}. {title}\n\n| item | what | test, or why there is none |\n|---|---|---|")
        rows = [item for item in catalogue.items if item.split(".")[0] == chapter]
        for item in rows:
            tests = coverage.tests.get(item, [])
            more = f" and {len(tests) - SHOWN} more" if len(tests) > SHOWN else ""
            cell = "<br>".join(f"`{test}`" for test in tests[:SHOWN]) + more or catalogue.reasons.get(item, "")
            parts.append(f"| {item} | {catalogue.items[item]} | {cell} |")
        parts.append("")
    return "\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when a page is out of date")
    check = parser.parse_args().check
    coverage = collect()
    found = []
    for catalogue in load_all():
        found += problems(catalogue, coverage)
        text = page(catalogue, coverage)
        if not check:
            catalogue.page.write_text(text)
        elif not catalogue.page.exists() or catalogue.page.read_text() != text:
            found.append(f"{catalogue.page.relative_to(ROOT)} is out of date: run {Path(__file__).relative_to(ROOT)}")
        tested = sum(item in coverage.tests for item in catalogue.items)
        sys.stdout.write(
            f"{catalogue.kind}: {len(catalogue.items)} items, {tested} tested, {len(catalogue.reasons)} with a reason\n"
        )
    for problem in found:
        sys.stderr.write(problem + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
