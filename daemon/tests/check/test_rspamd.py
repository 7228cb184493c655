"""The spam check against a real rspamd (B14.06)."""

import asyncio
import http.server
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from checking import run_checks

from mailcordon.check.registry import Checks
from mailcordon.check.rspamd_reply import parse_reply
from mailcordon.config.settings import Settings
from mailcordon.errors import ProtocolError, ScannerError
from mailcordon.mail.envelope import Client, Session
from mailcordon.mail.finding import Findings
from mailcordon.mail.message import Mail
from samples import gtube, gtube_twin, plain
from servers import Rspamd, free_port

MakeSettings = Callable[..., Settings]
MakeMail = Callable[..., Mail]


@pytest.fixture
def rated(make_settings: MakeSettings) -> MakeSettings:
    """Settings with one rspamd at `path`."""

    def make(path: str | list[str], entry: dict[str, object] | None = None, **overrides: object) -> Settings:
        scanner = {"name": "Rspamd", "protocol": "rspamd", "socket": path, **(entry or {})}
        return make_settings(bypass_spam_checks=False, av_scanners=[], spam_scanners=[scanner], **overrides)

    return make


@pytest.mark.parametrize("over", ["unix", "tcp"])
async def test_symbols_become_tests(rspamd: Rspamd, rated: MakeSettings, make_mail: MakeMail, over: str) -> None:
    path = rspamd.path if over == "unix" else f"127.0.0.1:{rspamd.port}"
    spam = (await run_checks(make_mail(plain(b"a forbidden word\r\n")), rated(path))).spam
    assert spam is not None
    assert spam.score == 7.75
    assert dict(spam.tests) == {"ENVELOPE": 0.5, "FORBIDDEN_WORD": 7.25}
    assert dict(spam.descriptions)["FORBIDDEN_WORD"] == "Body has the word forbidden"
    assert (spam.source, spam.autolearn) == ("Rspamd", None)
    assert spam.checker.startswith("rspamd/")
    assert spam.checker.endswith(f" at {path}")
    assert spam.timing.startswith("total ")
    clean = (await run_checks(make_mail(plain(b"an allowed word\r\n")), rated(path))).spam
    assert clean is not None
    assert dict(clean.tests) == {"ENVELOPE": 0.5}


async def test_gtube_and_its_twin(rspamd: Rspamd, rated: MakeSettings, make_mail: MakeMail) -> None:
    """rspamd refuses GTUBE without points of its own; it counts as much as rspamd asks for."""
    spam = (await run_checks(make_mail(plain(gtube() + b"\r\n")), rated(rspamd.path))).spam
    assert spam is not None
    assert spam.score == 15
    assert dict(spam.tests) == {"GTUBE": 0, "RSPAMD_REJECT": 15}
    twin = (await run_checks(make_mail(plain(gtube_twin() + b"\r\n")), rated(rspamd.path))).spam
    assert twin is not None
    assert twin.score == 0.5


async def test_refused_by_a_module(rspamd: Rspamd, rated: MakeSettings, make_mail: MakeMail) -> None:
    """With a factor, which brings rspamd's 15 points to those at which mail is spam here."""
    settings = rated(rspamd.path, {"score_factor": 0.4})
    spam = (await run_checks(make_mail(plain(b"refuse me\r\n")), settings)).spam
    assert spam is not None
    assert spam.score == 6
    assert dict(spam.tests) == {"ENVELOPE": 0.2, "REFUSED_WITHOUT_POINTS": 0, "RSPAMD_REJECT": 5.8}


async def test_the_envelope_is_told(rspamd: Rspamd, rated: MakeSettings, make_mail: MakeMail) -> None:
    client = Client(addr="192.0.2.7", helo="client.example", ident="QUEUE1")
    mail = make_mail(
        plain(),
        sender="alice@sender.example",
        recipients=["bob@example.test", "eve@example.test"],
        session=Session(client=client),
    )
    spam = (await run_checks(mail, rated(rspamd.path))).spam
    assert spam is not None
    assert dict(spam.descriptions)["ENVELOPE"] == (
        "What the envelope says [alice@sender.example, bob@example.test, eve@example.test, client.example,"
        " 192.0.2.7, QUEUE1, no user]"
    )


@pytest.mark.parametrize("helo", ["a\r\nUser: root", "\udcff\udcfe", "\x00", "  "])
async def test_values_of_clients_make_no_fields(
    rspamd: Rspamd, rated: MakeSettings, make_mail: MakeMail, helo: str
) -> None:
    mail = make_mail(plain(), sender="", session=Session(helo=helo, client=Client(name="x\ny")))
    spam = (await run_checks(mail, rated(rspamd.path))).spam
    assert spam is not None
    assert "no user" in dict(spam.descriptions)["ENVELOPE"]


async def test_large_mail(rspamd: Rspamd, rated: MakeSettings, make_mail: MakeMail) -> None:
    """It is sent in pieces with its length."""
    mail = make_mail(plain(b"an ordinary line\r\n" * 30_000 + b"forbidden\r\n"))
    spam = (await run_checks(mail, rated(rspamd.path, sa_mail_body_size_limit=0))).spam
    assert spam is not None
    assert "FORBIDDEN_WORD" in dict(spam.tests)


async def test_fail_over(rspamd: Rspamd, rated: MakeSettings, make_mail: MakeMail, tmp_path: Path) -> None:
    settings = rated([str(tmp_path / "absent.sock"), f"127.0.0.1:{free_port()}", rspamd.path])
    assert (await run_checks(make_mail(plain()), settings)).spam is not None


async def test_failure(rated: MakeSettings, make_mail: MakeMail, tmp_path: Path) -> None:
    """4xx, or no score where that is configured."""
    absent = str(tmp_path / "absent.sock")
    with pytest.raises(ScannerError, match=rf"^rspamd at {absent}: "):
        await run_checks(make_mail(plain()), rated(absent))
    settings = rated(absent, spam_scanners_failure_is_fatal=False)
    assert await run_checks(make_mail(plain()), settings) == Findings()


async def test_time_limit(rated: MakeSettings, make_mail: MakeMail, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent.sock"))
        silent.listen()
        async with asyncio.timeout(30):
            with pytest.raises(ScannerError, match="no answer within 1 s"):
                await run_checks(make_mail(plain()), rated(str(tmp_path / "silent.sock"), spam_scan_timeout=1))


async def test_discovery(rspamd: Rspamd, rated: MakeSettings, tmp_path: Path) -> None:
    """Features 7.02: each server of an entry."""
    absent = str(tmp_path / "absent.sock")
    checks = Checks(rated([rspamd.path, absent]))
    lines = [str(state) for state in await checks.ready()]
    await checks.close()
    assert lines[0] == f"Found spam scanner Rspamd at {rspamd.path}"
    assert lines[1].startswith(f"No answer from spam scanner Rspamd: rspamd at {absent}: ")


class _Controller(http.server.BaseHTTPRequestHandler):
    """Answers as rspamd's controller does: without the password it does not."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        right = self.headers["Password"] == "secret"
        body = json.dumps({"score": 1.0, "symbols": {}, "required_score": 15.0} if right else {"error": "Unauthorized"})
        self.send_response(200 if right else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_args: object) -> None:
        """Nothing."""


@pytest.fixture
def controller() -> Iterator[str]:
    """Address of an HTTP server that asks for a password: rspamd's own asks none of clients on the same host."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Controller) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_password(rated: MakeSettings, make_mail: MakeMail, controller: str) -> None:
    settings = rated(controller, {"password": "secret"})
    assert "secret" not in repr(settings.spam_scanners)
    spam = (await run_checks(make_mail(plain()), settings)).spam
    assert spam is not None
    with pytest.raises(ScannerError, match="HTTP status 403"):
        await run_checks(make_mail(plain()), rated(controller, {"password": "wrong"}))


def test_password_is_not_for_spamd(make_settings: MakeSettings) -> None:
    entry = {"name": "x", "protocol": "spamd", "socket": "/x", "password": "y"}
    with pytest.raises(ValueError, match="only rspamd asks for one"):
        make_settings(spam_scanners=[entry])


def test_library_is_loaded_only_where_it_is_configured() -> None:
    code = "import sys, mailcordon.check.registry; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"[]",
        b'{"error": "no memory"}',
        b'{"symbols": {}}',
        b'{"score": NaN, "symbols": {}}',
        b'{"score": true, "symbols": {}}',
        b'{"score": 1, "symbols": []}',
        b'{"score": 1, "symbols": {"A": 1}}',
        b'{"score": 1, "symbols": {"A": {"score": "1"}}}',
        b'{"score": 1, "symbols": {}, "action": "reject"}',
        b'{"score": 1, "symbols": {}',
        b"\xff",
    ],
)
def test_everything_else_is_no_score(octets: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_reply(octets, "r", "rspamd")


def test_descriptions_are_single_lines() -> None:
    reply = {
        "score": 1,
        "symbols": {"A\r\nB": {"score": 1, "description": "x\r\n\r\ny", "options": ["1\n2", 3]}},
        "time_real": None,
    }
    spam = parse_reply(json.dumps(reply).encode(), "r", "rspamd")
    assert spam.tests == (("A B", 1.0),)
    assert spam.descriptions == (("A B", "x y [1 2, 3]"),)
    assert spam.timing == ""
