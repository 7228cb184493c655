# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the modules on installed tools share: running a module, a clamd of the test's own, databases."""

from __future__ import annotations

import json
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mailcordon.gateway.tests.tools import clamd_server
from ansible_collections.mailcordon.gateway.tests.tools.clamav_bench import Bench, FileServer, served


@pytest.fixture
def run(capsys):
    """A function that runs a module in this process and returns its result."""

    def run_module(module, **arguments):
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        return json.loads(capsys.readouterr().out)

    return run_module


@pytest.fixture
def clamd(tmp_path) -> Iterator[clamd_server.ClamdServer]:
    """A clamd that is not started yet and has no signatures."""
    directory = tmp_path / "clamd"
    directory.mkdir()
    server = clamd_server.ClamdServer(directory)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def genuine() -> pathlib.Path:
    """The directory of the databases that ClamAV's authors have signed."""
    return clamd_server.genuine_databases()


@pytest.fixture
def bench(run):
    """A directory for the real clamd and freshclam. Not below pytest's own, which only root may enter."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="mailcordon-clamav-"))
    bench = Bench(directory, run)
    yield bench
    bench.close()
    shutil.rmtree(directory)


@pytest.fixture
def mirror(tmp_path):
    """An HTTP server for signatures."""
    with served(FileServer(tmp_path / "mirror")) as server:
        yield server
