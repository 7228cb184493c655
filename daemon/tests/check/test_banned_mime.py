"""Names as mail declares them, from its octets to the rules (contract B12.06; features 7.05)."""

from base64 import b64encode
from typing import Any

import pytest
from banned_trees import banned_places

from mailcordon.unpack import split

RULES: list[Any] = [r"(?i).\.exe$", "^message/partial$"]


def banned(header: bytes) -> bool:
    """Whether an attachment with that header section is."""
    octets = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\n" + header + b"\r\n\r\nx\r\n--b--\r\n"
    )
    return banned_places(split(memoryview(octets)).root, RULES) == ["1.2"]


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Type: a/b; name=game.exe",
        b'Content-Type: a/b; name="game.exe"',
        b"Content-Type: a/b;\r\n\tname=\r\n game.exe",
        b"Content-Disposition: attachment; filename=game.exe",
        b'Content-Disposition: attachment; filename="a.png"; filename="game.exe"',
        b"Content-Type: image/png; name=a.png\r\nContent-Disposition: attachment; filename=game.exe",
        b"Content-Type: a/b; name=game.exe\r\nContent-Disposition: attachment; filename=a.png",
        b"Content-Type: a/b; name=game.exe; name*=utf-8''a.png",
        b"Content-Type: a/b; name*=utf-8'en'game%2Eexe",
        b"Content-Type: a/b; name*0=ga; name*1=me.; name*2=exe",
        b"Content-Type: a/b; name*2*=%65xe; name*0*=utf-8''ga; name*1=me.",
        b"Content-Type: a/b; name==?utf-8?Q?game=2Eexe?=",
        b'Content-Type: a/b; name="=?utf-8?B?' + b64encode(b"game.exe") + b'?="',
        b'Content-Type: a/b; name="=?utf-8?Q?game=2E?= =?utf-8?Q?exe?="',
        b'Content-Type: a/b; name="=?utf-16?B?' + b64encode("game.exe".encode("utf-16")) + b'?="',
        b"Content-Type: a/b; name*=iso-8859-1''g%E4me.exe",
        b"Content-Type: a/b; name=g\xe4me.exe",
        b"Content-Type: a/b; name=g\xc3\xa4me.exe",
        b'Content-Type: a/b; name="game.exe."',
        b'Content-Type: a/b; name="game.exe   "',
        b'Content-Type: a/b; name="game.e\txe"',
        b"Content-Type: a/b; name*=utf-8''game.exe%00.png",
        b"Content-Type: a/b; name*=utf-8''photo_%E2%80%AEgnp.exe",
        b"Content-Type: a/b; name*=utf-8''game.exe%E2%80%8B",
        b'Content-Type: a/b; name="' + b"x" * 3000 + b'.exe"',
        b'Content-Type: a/b; name="C:\\\\x\\\\game.exe"',
        b"Content-Type: message/partial; id=x",
        b"CONTENT-TYPE : Message/Partial; id=x",
    ],
)
def test_names_in_mail(header: bytes) -> None:
    """Contract B12.06: however a sender writes it; with another extension it is nobody's business."""
    assert banned(header)
    twin = header.replace(b"exe", b"txt").replace(b"%65xe", b"%74xt").replace(b"e\txe", b"t\txt")
    twin = twin.replace(b64encode(b"game.exe"), b64encode(b"game.txt")).replace(b"artial", b"artly")
    twin = twin.replace(b64encode("game.exe".encode("utf-16")), b64encode("game.txt".encode("utf-16")))
    assert not banned(twin)
