# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What clamd answers, and what it does not (with the real clamd: tests/tools)."""

from __future__ import annotations

import io

import pytest

from ansible_collections.mailcordon.gateway.plugins.module_utils import _clamd_client as client


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        ("fd[10]: OK", client.CLEAN, ""),
        ("stream: Eicar-Test-Signature FOUND", client.INFECTED, "Eicar-Test-Signature"),
        ("stream: Eicar.UNOFFICIAL(44d88612fea8a8f36de82e1278abb02f:68) FOUND", client.INFECTED, "Eicar.UNOFFICIAL"),
        (
            "fd[10]: Heuristics.Limits.Exceeded.MaxFileSize FOUND", client.ERROR,
            "not scanned in full: Heuristics.Limits.Exceeded.MaxFileSize",
        ),
        ("fd[10]: Heuristics.Encrypted.Zip FOUND", client.ERROR, "not scanned in full: Heuristics.Encrypted.Zip"),
        ("INSTREAM size limit exceeded. ERROR", client.ERROR, "not scanned, larger than StreamMaxLength of clamd"),
        ("fd[10]: Can't allocate memory ERROR", client.ERROR, "clamd says fd[10]: Can't allocate memory ERROR"),
        ("UNKNOWN COMMAND", client.ERROR, "clamd says UNKNOWN COMMAND"),
    ],
)
def test_verdicts(answer, kind, text):
    """Features 2.76: a file that was not scanned in full is neither infected nor clean."""
    assert client.parse_verdict(answer) == client.Verdict(kind, text)


def test_versions():
    answer = "ClamAV 1.4.3/27800/Fri Nov 20 10:00:00 2026"
    assert client.parse_version(answer) == client.Version("1.4.3", 27800, "Fri Nov 20 10:00:00 2026")
    assert client.parse_version("ClamAV 1.4.3") == client.Version("1.4.3", None, None)


def test_text_that_is_safe_to_show():
    assert client.printable(b"a\nb\x1b[1m \xff \xc3\xa4") == "a?b?[1m \\xff \xe4"


def test_nobody_listens(tmp_path):
    clamd = client.Clamd(str(tmp_path / "clamd.sock"))
    assert not clamd.is_running()
    with pytest.raises(client.ClamdUnavailableError, match="clamd at .*/clamd.sock cannot be asked: No such file"):
        clamd.scan_stream(io.BytesIO(b""))
