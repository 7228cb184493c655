#!/usr/bin/env python3
"""Write docs/settings.md and docs/mailcordon.schema.json from the daemon's settings, or check that they are up to date
(--check)."""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mailcordon.config.load import fragments, merge, packaged_directory
from mailcordon.config.message_settings import MessageSettings
from mailcordon.config.schema import json_schema

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMAND = "python daemon/tests/settings_pages.py"
SOURCE = re.compile(r" \(((?:B\d+\.\d+|features \d+[a-z]?\.\d+|RFC \d+)(?:, (?:B|features |RFC )?[\d.]+)*)\)\.$")
INTRODUCTION = f"""# All settings

Every setting with its type, the value that holds as packaged, its meaning and, where there is one, the item of the
contract or list of features that it comes from. [configuration.md](configuration.md) shows how they work together,
[from-amavisd.md](from-amavisd.md) what became of amavisd-new's variables.

* A **lookup** is a value for everyone, or tables by address: see [Values that depend on an
  address](configuration.md#values-that-depend-on-an-address).
* **derived**: follows from other settings unless it is set.
* Tables with one key for each contents category have keys such as `VIRUS`, `BADH` or `"BADH,2"`.

This page is made from the daemon's code by `{COMMAND}`; `make lint` fails when it is out of date.
"""
SECTIONS = {
    "Settings of a message": "They may stand in a policy bank, and hold for the messages of that bank only.",
    "Settings of the whole daemon": "No policy bank can change them.",
}
ENTRIES = {
    "av_scanners": "## Entries of `av_scanners` and `av_scanners_backup`",
    "spam_scanners": "## Entries of `spam_scanners`",
}


def kind(schema: Mapping[str, Any]) -> str:
    """The type of a setting in words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].replace("-", " ")
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(kind(one) for one in schema["anyOf"])
    match schema.get("type"):
        case "array":
            return f"list of {kind(schema.get('items', {}))}"
        case "object":
            values = schema.get("additionalProperties")
            return f"table of {kind(values if isinstance(values, dict) else {})}"
        case "integer" | "number" as number:
            return f"{number}{limits(schema)}"
    words = {"boolean": "true or false", "string": str(schema.get("format", "text")), "null": "nothing"}
    return words.get(schema.get("type", ""), "any value")


def limits(schema: Mapping[str, Any]) -> str:
    """The limits of a number in words."""
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f" from {least} to {most}"
    return "" if least is None else f" from {least}"


def shown(value: object) -> str:
    """A value as it would be written, short enough for a table."""
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, (dict, list)) and len(text) > 60:
        return f"{len(value)} entries, see the fragment"
    return f"`{text}`"


def default(name: str, values: Mapping[str, Any]) -> str:
    """What holds as packaged."""
    if name not in values:
        return "derived"
    return f"`0o{values[name]:o}`" if name.endswith("_mode") else shown(values[name])


def row(name: str, schema: Mapping[str, Any], packaged: str) -> str:
    """One line of a table."""
    description = " ".join(str(schema.get("description", "")).split())
    source = SOURCE.search(description)
    if source:
        description = description[: source.start()] + "."
    cells = [f"`{name}`", kind(schema), packaged, description, source[1] if source else ""]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def tables(schema: Mapping[str, Any]) -> Iterator[str]:
    """All lines after the introduction."""
    values, _ = merge(fragments(packaged_directory(), []), [], [])
    properties = {name: member for name, member in schema["properties"].items() if not member.get("deprecated")}
    of_messages = MessageSettings.model_fields.keys()
    for (title, text), wanted in zip(SECTIONS.items(), (True, False), strict=True):
        yield f"\n## {title}\n\n{text}\n"
        yield "| setting | type | as packaged | meaning | from |\n|---|---|---|---|---|"
        for name, member in properties.items():
            if (name in of_messages) is wanted:
                yield row(name, member, default(name, values))
    for setting, title in ENTRIES.items():
        entry = schema["$defs"][properties[setting]["items"]["$ref"].rpartition("/")[2]]
        yield f"\n{title}\n\n| key | type | | meaning | from |\n|---|---|---|---|---|"
        for name, member in entry["properties"].items():
            yield row(name, member, "required" if name in entry.get("required", ()) else "")
    yield "\n## Old names that are accepted\n\nWith a warning that says what holds instead.\n"
    yield "| name | what holds |\n|---|---|"
    for name, member in schema["properties"].items():
        if member.get("deprecated"):
            yield f"| `{name}` | {member['description']} |"


def pages() -> dict[Path, str]:
    """Both files with the text that they should have."""
    schema = json_schema()
    return {
        DOCS / "settings.md": INTRODUCTION + "\n".join(tables(schema)) + "\n",
        DOCS / "mailcordon.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when a page is out of date")
    check = parser.parse_args().check
    wanted = pages()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check and stale:
        sys.stderr.write(f"out of date: {', '.join(path.name for path in stale)}; run {COMMAND}\n")
        return 1
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    sys.stdout.write(f"{len(wanted)} pages checked, {len(stale)} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
