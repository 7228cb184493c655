# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""playbooks/release.yml on two gateways, each a running filter with a quarantine of its own."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from ansible_collections.mailcordon.gateway.plugins.modules import quarantine_info
from ansible_collections.mailcordon.gateway.tests.tools.filter_bench import COMMAND, Filter

PLAYBOOK = pathlib.Path(__file__).resolve().parents[2] / "playbooks/release.yml"
COLLECTIONS = next(path for path in map(pathlib.Path, sys.path) if (path / "ansible_collections/mailcordon").is_dir())


class Gateways:
    """Two hosts of an inventory, both this machine."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self.filters: dict[str, Filter] = {}

    def start(self, name: str) -> Filter:
        (self._directory / name).mkdir()
        self.filters[name] = Filter(self._directory / name)
        return self.filters[name]

    def play(self, *options: str) -> subprocess.CompletedProcess[str]:
        """The playbook, with the directories of each filter as defaults of the modules."""
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "mailcordon_user": "root",
        }
        hosts = {name: variables | {"gate_config": str(gate.config)} for name, gate in self.filters.items()}
        inventory, play = self._directory / "inventory.json", self._directory / "release.yml"
        inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
        defaults = {"command": str(COMMAND), "config_dirs": ["{{ gate_config }}"]}
        places = f"  module_defaults: {{group/mailcordon.gateway.gateway: {json.dumps(defaults)}}}\n"
        play.write_text(PLAYBOOK.read_text().replace("  become: true\n", places))
        return subprocess.run(
            [pathlib.Path(sys.executable).with_name("ansible-playbook"), "-i", inventory, play, *options],
            env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def close(self) -> None:
        for gate in self.filters.values():
            gate.close()


@pytest.fixture
def gateways(tmp_path):
    running = Gateways(tmp_path)
    try:
        running.start("a")
        running.start("b")
        yield running
    finally:
        running.close()


def test_each_mail_once_where_it_is(run, gateways):
    """Each host releases what it has; nothing is sent when one of the mails is nowhere; bad variables are one line."""
    first, second = gateways.filters.values()
    first.send("first", "bob@example.test")
    second.send("second", "carol@example.test")
    ids = [run(quarantine_info, **gate.arguments)["mails"][0]["mail_id"] for gate in (first, second)]

    refused = gateways.play("-e", f"gateway_release_mail_ids={ids[0]},nosuchidhere")
    assert refused.returncode == 2
    assert '"msg": "release: in quarantine of no host: nosuchidhere"' in refused.stdout
    assert (first.count("first"), second.count("second")) == (1, 1)

    bad = gateways.play("-e", "gateway_release_mail_ids=../x")
    assert bad.returncode == 2
    assert '"msg": "release: say which mails' in bad.stdout

    done = gateways.play(
        "-e", f"gateway_release_mail_ids={ids[0]},{ids[1]}", "-e", "gateway_release_requested_by=desk@x.test"
    )
    assert done.returncode == 0, done.stdout
    assert (first.count("first"), second.count("second")) == (2, 2)
    assert (first.count("second"), second.count("first")) == (0, 0)
    assert first.count("Resent-From: <desk@x.test>") == 1
