# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""clamav_conf and its tables against the installed ClamAV (features 18.05)."""

from __future__ import annotations

import re
import subprocess

import pytest
from ansible_collections.mailcordon.gateway.plugins.module_utils._clamav_options import (
    BOOL,
    MILLISECONDS,
    MODE,
    NUMBER,
    PORT,
    REMOVED,
    RENAMED,
    SECONDS,
    SIZE,
    TABLES,
)
from ansible_collections.mailcordon.gateway.plugins.modules import clamav_conf

EXAMPLES = {BOOL: True, NUMBER: 7, SECONDS: 7, MILLISECONDS: 7, PORT: 7, SIZE: "5M", MODE: "660"}
PATH_OR_TEXT = "/some/text"
KINDS = sorted(TABLES)


def clamconf(*arguments: str) -> str:
    command = ["clamconf", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def refusals(directory, kind: str, lines: list[str]) -> set[str]:
    """The options of which clamconf says that their value is of the wrong type.

    It stops at the first wrong line, so each line has a file of its own.
    """
    refused = set()
    for line in lines:
        (directory / f"{kind}.conf").write_text(line + "\n")
        output = clamconf("-n", f"--config-dir={directory}")
        if "ERROR: Incorrect argument format" in output:
            refused.add(line.split()[0])
    return refused


@pytest.mark.parametrize("kind", KINDS)
def test_clamconf_reads_every_option_of_the_table(run, tmp_path, kind):
    """Covers features 18.05: the rendered file passes clamconf without warnings."""
    options = {
        name: option.choices[0] if option.choices else EXAMPLES.get(option.kind, PATH_OR_TEXT)
        for name, option in TABLES[kind].items()
        if name != "HTTPProxyPassword"
    }
    result = run(clamav_conf, type=kind, path=str(tmp_path / kind), options=options)
    assert result.get("verified") is True, result.get("msg")


@pytest.mark.parametrize("kind", KINDS)
def test_every_option_of_the_installed_clamav_is_known(kind):
    """Whatever clamconf generates is in our tables, or we translate it, or we say why not."""
    names = set(re.findall(r"(?m)^#([A-Z]\w+)", clamconf("-g", f"{kind}.conf")))
    assert len(names) > 30
    assert names - set(TABLES[kind]) - set(RENAMED[kind]) - set(REMOVED) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_the_types_are_clamavs_own(tmp_path, kind):
    """clamconf refuses a foreign word for every boolean, number, size and choice of ours, and for nothing else.

    It leaves the facilities of syslog to clamd and freshclam.
    """
    typed = {name for name, option in TABLES[kind].items() if option.kind in EXAMPLES and option.kind != MODE}
    typed |= {name for name, option in TABLES[kind].items() if option.choices and name != "LogFacility"}
    assert refusals(tmp_path, kind, [f"{name} maybe" for name in TABLES[kind]]) == typed


@pytest.mark.parametrize("kind", KINDS)
def test_only_sizes_have_suffixes(tmp_path, kind):
    """What we take for a number is none for ClamAV with a suffix, and what we take for a size is one."""
    numbers = {name for name, option in TABLES[kind].items() if option.kind in (NUMBER, SECONDS, MILLISECONDS, PORT)}
    sizes = {name for name, option in TABLES[kind].items() if option.kind == SIZE}
    assert refusals(tmp_path, kind, [f"{name} 5M" for name in sorted(numbers | sizes)]) == numbers


@pytest.mark.parametrize("kind", KINDS)
def test_repeatable_options_are_clamavs_own(tmp_path, kind):
    """Given twice, clamconf shows both values of those that we take a list for."""
    for name, option in TABLES[kind].items():
        if option.kind == BOOL or option.choices:
            continue
        first, second = ("7", "8") if option.kind in EXAMPLES else ("/some/one", "/some/two")
        (tmp_path / f"{kind}.conf").write_text(f"{name} {first}\n{name} {second}\n")
        shown = next(line for line in clamconf("-n", f"--config-dir={tmp_path}").splitlines() if line.startswith(name))
        assert (f'"{first}", "{second}"' in shown) is option.repeatable, shown


def test_no_older_name_is_one_of_todays():
    """Covers features 18.05: what we translate or refuse, clamconf generates as deprecated or not at all."""
    current = clamconf("-g", "clamd.conf").split("Deprecated option", maxsplit=1)[0]
    names = set(re.findall(r"(?m)^#([A-Z]\w+)", current))
    assert names & (set(RENAMED["clamd"]) | set(REMOVED)) == {"StreamMinPort", "StreamMaxPort"}


def test_clamconf_refuses_what_a_newer_release_brings(run, tmp_path, monkeypatch):
    """An option that the tables know and the installed release does not is refused all the same."""
    monkeypatch.setitem(TABLES["clamd"], "OptionOfTomorrow", TABLES["clamd"]["LogTime"])
    result = run(clamav_conf, type="clamd", path=str(tmp_path / "clamd.conf"), options={"OptionOfTomorrow": True})
    assert "the installed ClamAV refuses it: Parse error at clamd.conf" in result["msg"]
    assert not (tmp_path / "clamd.conf").exists()
