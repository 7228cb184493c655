"""Where the log goes: syslog, a file, standard error (features 5.45)."""

import logging
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mailcordon.config.settings import Settings
from mailcordon.errors import StartupError
from mailcordon.log_levels import NOTICE
from mailcordon.run import log
from mailcordon.run.log import make_handler

MakeSettings = Callable[..., Settings]
ENTRY = logging.LogRecord("x", NOTICE, "x.py", 1, "(1-01) hello", (), None)


@pytest.mark.parametrize("do_syslog", [True, False])
def test_either_one(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, do_syslog: bool
) -> None:
    """Features 5.45: do_syslog, with its facility and ident, or else logfile; nothing goes to both."""
    file = tmp_path / "filter.log"
    settings = make_settings(
        do_syslog=do_syslog, logfile=str(file), syslog_facility="local3", syslog_ident="filter", log_level=0
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(tmp_path / "log"))
        syslog.settimeout(0)
        monkeypatch.setattr(log, "SYSLOG_SOCKET", str(tmp_path / "log"))
        handler = make_handler(settings, to_terminal=False)
        handler.handle(ENTRY)
        handler.close()
        if do_syslog:
            assert syslog.recv(4096).startswith(b"<%d>filter[" % (19 * 8 + 5))
            assert not file.exists()
        else:
            assert file.read_text().endswith("]: (1-01) hello\n")
            with pytest.raises(BlockingIOError):
                syslog.recv(4096)


@pytest.mark.parametrize("settings", [{"do_syslog": False, "logfile": ""}, {"do_syslog": True}])
def test_terminal(make_settings: MakeSettings, capsys: pytest.CaptureFixture[str], settings: dict[str, object]) -> None:
    """Without a file, and in a debug run whatever the settings are."""
    handler = make_handler(make_settings(**settings), to_terminal=settings["do_syslog"] is True)
    handler.handle(ENTRY)
    handler.close()
    assert capsys.readouterr().err.endswith("]: (1-01) hello\n")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"do_syslog": False, "logfile": "/nowhere/at/all.log"}, "logfile: /nowhere/at/all.log cannot be written"),
        ({"syslog_facility": "nonsense"}, "'nonsense' is not a syslog facility"),
        ({}, "cannot be reached: No such file or directory; or set do_syslog = false"),
    ],
)
def test_no_start_without_a_log(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], why: str
) -> None:
    """Bad input: one line that says which setting it is."""
    monkeypatch.setattr(log, "SYSLOG_SOCKET", str(tmp_path / "nobody"))
    with pytest.raises(StartupError, match=why):
        make_handler(make_settings(**settings), to_terminal=False)
