"""The cheap look at text (features 7.05, 7.06): what it settles, and what it leaves to those who look more closely."""

import base64
from pathlib import Path

import pytest

from mailcordon.unpack.decoding.file_types import FileTypes
from mailcordon.unpack.plain_look import plain_types
from samples import eicar

TEXT = b"Good morning.\r\n\r\nThe figures are in the table.\r\n-- \r\nAlice\r\n"
BASE64 = base64.b64encode(bytes(range(256)) * 20)
UUENCODED = b"begin 644 x.exe\r\n" + b"#0V%T\r\n" * 20 + b"`\r\nend\r\n"
SCRIPT = b'x = new ActiveXObject("WScript.Shell");\r\nx.Run("calc");\r\nWScript.Quit(0);\r\n'


@pytest.mark.parametrize(
    ("octets", "declared", "names", "types"),
    [
        (b"", "text/plain", (), ("empty",)),
        (b"", "application/zip", ("a.zip",), ("empty",)),
        (TEXT, "text/plain", (), ("asc",)),
        (TEXT, "text/plain", ("notes.txt",), ("asc",)),
        (TEXT, "text/plain", ("README",), ("asc",)),
        (b"from now on, the " + TEXT, "text/plain", (), ("asc",)),
        ("Grüße\r\n".encode(), "text/plain", (), ("txt",)),
        ("Grüße\r\n".encode("latin-1"), "text/plain", (), ("txt",)),
        (TEXT + BASE64, "text/plain", (), ("asc",)),
        (TEXT + UUENCODED, "text/plain", (), ("asc",)),
        (b"<html><body>hello</body></html>", "text/html", (), ("html",)),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE html>\r\n<html>", "text/html", (), ("html",)),
        (b"<p>hello", "text/plain", (), ("html",)),
    ],
)
def test_settled(octets: bytes, declared: str, names: tuple[str, ...], types: tuple[str, ...]) -> None:
    """Features 7.05, 7.06: paragraphs that resemble encoded files stay text."""
    assert plain_types(octets, declared, names) == types


@pytest.mark.parametrize(
    ("octets", "declared", "names"),
    [
        (TEXT, "application/octet-stream", ()),
        (TEXT, "text/plain", ("run.bat",)),
        (TEXT, "text/plain", ("notes.exe.txt",)),
        (TEXT, "text/plain", ("notes.txt", "run.vbs")),
        (TEXT, "text/plain", ("run.vbs. ",)),
        (TEXT + b"\0", "text/plain", ()),
        (TEXT + b"\x01", "text/plain", ()),
        (b"MZ" + TEXT, "text/plain", ()),
        (b"#!/bin/sh\n", "text/plain", ()),
        (b"%PDF-1.4\n", "text/plain", ()),
        (rb"{\rtf1 x}", "text/plain", ()),
        (b"  @ECHO off\r\n", "text/plain", ()),
        (b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n", "text/plain", ()),
        (b"From a@example.com Sun Nov 29 12:00:00 2026\r\nSubject: x\r\n\r\n", "text/plain", ()),
        (b"<script>x()</script>", "text/html", ()),
        (b"<html><HTA:APPLICATION id=x>", "text/html", ()),
        (UUENCODED, "text/plain", ()),
        (TEXT + SCRIPT, "text/plain", ()),
        (eicar(), "text/plain", ()),
        (TEXT, "text/html", ()),
        (TEXT, "text/calendar", ()),
    ],
)
def test_left_to_others(octets: bytes, declared: str, names: tuple[str, ...]) -> None:
    """Whatever may be something else than the text it says."""
    assert plain_types(octets, declared, names) is None


def test_text_that_may_hold_files() -> None:
    """Features 7.05: once its decoder is switched on, a text with what looks like a file goes to a decoder process."""
    assert plain_types(TEXT + UUENCODED, "text/plain", (), may_hold_files=True) is None
    assert plain_types(TEXT + BASE64, "text/plain", (), may_hold_files=True) == ("asc",)


@pytest.mark.parametrize(
    "octets",
    [TEXT, b"from now on, the " + TEXT, "Grüße\r\n".encode() * 5, b"<html><body>hello</body></html>", TEXT + BASE64],
)
def test_agrees_with_a_closer_look(octets: bytes, tmp_path: Path) -> None:
    """Contract B12.07, features 5.08: rules of banned names find the same types, whoever looked."""
    file = tmp_path / "p001"
    file.write_bytes(octets)
    declared = "text/html" if octets.startswith(b"<") else "text/plain"
    assert FileTypes().look(file, "", declared)[0] == plain_types(octets, declared, ())
