"""The version of the collection stands in two places, because modules cannot read galaxy.yml on the hosts."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_modules_know_the_version_of_the_collection() -> None:
    text = (ROOT / "plugins/module_utils/_version.py").read_text()
    found = re.search(r'^COLLECTION_VERSION = "(.*)"$', text, re.M)
    assert found
    assert found[1] == yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
