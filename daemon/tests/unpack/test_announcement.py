"""What the start log says of decoders (features 7.01)."""

import logging
from pathlib import Path

import pytest

from mailcordon.unpack.announcement import announce
from mailcordon.unpack.decoder_process import DecoderPlace, Hello
from mailcordon.unpack.decoding.program import find_program

HELLO = Hello(
    decoders=(
        DecoderPlace("libarchive", "libarchive.so.13", ("7z", "zip")),
        DecoderPlace("7-Zip", "/usr/bin/7zz", ("7z", "arj")),
        DecoderPlace("unar", "", ("zip", "zoo")),
        DecoderPlace("nomarch", "", ("zoo",)),
        DecoderPlace("uuencode", "built in", ("uue",)),
    ),
    confinement=("no_new_privs", "rlimits", "Landlock ABI 4"),
    missing=("seccomp (Function not implemented)",),
)


def test_lines(caplog: pytest.LogCaptureFixture) -> None:
    """Features 5.07, 7.01: for each type what was found, the alternatives at a higher level, or what was tried."""
    with caplog.at_level(logging.INFO):
        announce(HELLO, frozenset({"uue"}))
    assert [(record.levelno < logging.INFO + 1, record.getMessage()) for record in caplog.records] == [
        (False, "Found decoder for    .7z   at libarchive.so.13"),
        (True, "Found decoder for    .7z   at /usr/bin/7zz (backup, not used)"),
        (False, "Found decoder for    .arj  at /usr/bin/7zz"),
        (False, "No decoder for       .uue  switched off"),
        (False, "Found decoder for    .zip  at libarchive.so.13"),
        (False, "No decoder for       .zoo  tried: unar, nomarch"),
        (False, "decoder processes: no_new_privs, rlimits, Landlock ABI 4"),
        (False, "decoder processes lack confinement: seccomp (Function not implemented)"),
    ]
    assert caplog.records[-1].levelno == logging.WARNING


def test_alternatives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features 5.07: the first one found wins, wherever it lies in PATH."""
    for name in ("second", "third"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program(["first", "second", "third"]) == str(tmp_path / "second")
    assert find_program(["first"]) is None
