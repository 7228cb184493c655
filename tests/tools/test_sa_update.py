# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Channels of rules: sa_update_key with the installed gpg, mailcordon_sa_update with the installed sa-update.

Every test has a channel of its own on a DNS server and an HTTP server of this process, and rules in a directory of its
own. The rules and keys of this machine are not touched. Needs root, and the account that Debian's package makes.
"""

from __future__ import annotations

import functools
import http.server
import io
import json
import os
import shutil
import socketserver
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.message
import dns.rrset
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mailcordon.gateway.plugins.modules import sa_update_key

PROGRAM = Path(__file__).resolve().parents[2] / "roles/spamassassin/files/mailcordon_sa_update.py"
CHANNEL = "rules.example.test"
ACCOUNT = "debian-spamd"


class Key:
    """A signing key with a home of its own."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        self._home = home
        self.gpg(
            "--quick-generate-key", "--passphrase", "", f"Rules <{home.name}@example.test>", "ed25519", "sign", "0"
        )
        listing = self.gpg("--with-colons", "--list-keys").decode()
        self.fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))
        self.public = self.gpg("--armor", "--export").decode()

    def gpg(self, *arguments: str) -> bytes:
        command = ["gpg", "--homedir", str(self._home), "--batch", "--pinentry-mode", "loopback", *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def stop(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self._home), "--kill", "all"], check=True)


class Names(socketserver.BaseRequestHandler):
    """Answers TXT questions from the server's records."""

    def handle(self) -> None:
        data, client = self.request
        question = dns.message.from_wire(data)
        reply = dns.message.make_response(question)
        name = question.question[0].name.to_text(omit_final_dot=True)
        text = self.server.records.get(name)
        if text is not None:
            reply.answer.append(dns.rrset.from_text(name + ".", 1, "IN", "TXT", f'"{text}"'))
        client.sendto(reply.to_wire(), self.client_address)


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


class Bed:
    """A channel, its servers, and a host's rules and keyrings."""

    def __init__(self, directory: Path, signer: Key) -> None:
        self.directory = directory
        self.signer = signer
        self.state = directory / "state"
        self.web = directory / "web"
        self.hooks = directory / "hooks"
        for path in (self.state, self.web):
            path.mkdir()
        shutil.chown(self.state, ACCOUNT, ACCOUNT)
        self.names = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names)
        self.files = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(QuietFiles, directory=str(self.web))
        )
        mirror = f"http://127.0.0.1:{self.files.server_address[1]}"
        self.names.records = {f"mirrors.{CHANNEL}": f"{mirror}/MIRRORED.BY"}
        (self.web / "MIRRORED.BY").write_text(f"{mirror}\n")
        for server in (self.names, self.files):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.channels = [{"name": CHANNEL, "keyring": str(self.keyring)}]

    def seed(self) -> None:
        """A few rules instead of all packaged ones, which take time to read."""
        version = subprocess.run(
            ["perl", "-MMail::SpamAssassin", "-e", "print $Mail::SpamAssassin::VERSION"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        base = self.state / version / "updates_spamassassin_org"
        base.mkdir(parents=True)
        shutil.copy("/usr/share/spamassassin/10_default_prefs.cf", base)
        base.with_suffix(".cf").write_text(
            "# UPDATE version 100\ninclude updates_spamassassin_org/10_default_prefs.cf\n"
        )
        subprocess.run(["chown", "-R", f"{ACCOUNT}:", str(self.state)], check=True)

    @property
    def keyring(self) -> Path:
        return self.directory / "keyring"

    def stop(self) -> None:
        for server in (self.names, self.files):
            server.shutdown()
            server.server_close()

    def publish(self, version: int, rules: str, signer: Key | None = None) -> None:
        content = rules.encode()
        archive = self.web / f"{version}.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            member = tarfile.TarInfo("10_rules.cf")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        (signer or self.signer).gpg("--yes", "--armor", "--detach-sign", str(archive))
        sums = subprocess.run(["sha256sum", archive], check=True, capture_output=True, text=True).stdout
        archive.with_name(f"{archive.name}.sha256").write_text(sums)
        self.names.records[f"1.0.4.{CHANNEL}"] = str(version)

    def update(self) -> subprocess.CompletedProcess[str]:
        settings = self.directory / "update.json"
        settings.write_text(
            json.dumps(
                {
                    "channels": self.channels,
                    "account": ACCOUNT,
                    "state_directory": str(self.state),
                    "packaged_rules": "/usr/share/spamassassin",
                    "service": "",
                    "hooks_directory": str(self.hooks),
                    "compile": False,
                }
            )
        )
        resolver = self.directory / "resolv.conf"
        resolver.write_text(f"nameserver 127.0.0.1\noptions port:{self.names.server_address[1]}\n")
        # sa-update runs in Perl's taint mode and takes name servers from this file only: seen by this process alone.
        script = f"mount --bind {resolver} /etc/resolv.conf && exec {sys.executable} {PROGRAM} --settings={settings}"
        return subprocess.run(["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False)

    def rules(self) -> dict[str, str]:
        """The rules in force: text of every file, by its path."""
        files = [path for path in self.state.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.state)): path.read_text(errors="replace") for path in files}

    def channel_text(self) -> str:
        return "".join(text for path, text in self.rules().items() if path.endswith("rules_example_test/10_rules.cf"))


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Not pytest's, which is closed to the account that updates the rules."""
    with tempfile.TemporaryDirectory(prefix="mailcordon-test-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.fixture(scope="module")
def keys(directory: Path) -> Iterator[tuple[Key, Key]]:
    pair = Key(directory / "signer"), Key(directory / "stranger")
    yield pair
    for key in pair:
        key.stop()


@pytest.fixture
def bed(directory: Path, keys: tuple[Key, Key], keep: object) -> Iterator[Bed]:
    path = Path(tempfile.mkdtemp(dir=directory))
    path.chmod(0o755)
    made = Bed(path, keys[0])
    made.seed()
    keep(made.keyring, keys[0].public)
    yield made
    made.stop()


@pytest.fixture
def keep(capsys: pytest.CaptureFixture[str]) -> object:
    def run_module(keyring: Path, key: str | None, **arguments: object) -> dict[str, object]:
        with patch_module_args(dict(arguments, keyring=str(keyring), key=key)), pytest.raises(SystemExit):
            sa_update_key.main()
        return json.loads(capsys.readouterr().out)

    return run_module


RULE = "body CHANNEL_RULE /from the channel/\nscore CHANNEL_RULE 3\n"


def test_a_channel_is_updated_beside_the_packaged_rules(bed: Bed) -> None:
    """Features 8.03 (rules are complete): a small channel does not take the place of all other rules."""
    shutil.rmtree(next(bed.state.glob("4.*")))
    bed.publish(101, RULE)
    done = bed.update()
    assert (done.returncode, done.stderr) == (0, "")
    assert bed.channel_text() == RULE
    stock = [path for path in bed.rules() if path.endswith("updates_spamassassin_org/72_active.cf")]
    assert len(stock) == 1
    # The keyring is still exactly the channel's: sa-update imports its own key into one without a trust database.
    listing = subprocess.run(["gpg", "--homedir", bed.keyring, "--with-colons", "--list-keys"], capture_output=True)
    assert listing.stdout.count(b"\npub:") == 1


def test_without_news_nothing_changes(bed: Bed) -> None:
    bed.publish(101, RULE)
    bed.update()
    before = bed.rules()
    done = bed.update()
    assert (done.returncode, done.stderr) == (1, "")
    assert bed.rules() == before


def test_a_stranger_cannot_sign(bed: Bed, keys: tuple[Key, Key]) -> None:
    bed.publish(101, RULE)
    bed.update()
    before = bed.rules()
    bed.publish(102, "score GTUBE 0\n", signer=keys[1])
    done = bed.update()
    assert done.returncode == 3
    assert done.stderr == f"mailcordon-sa-update: channel {CHANNEL}: GPG validation failed\n"
    assert bed.rules() == before
    bed.publish(103, RULE.replace("3", "4"))
    assert bed.update().returncode == 0
    assert "score CHANNEL_RULE 4" in bed.channel_text()


def test_a_broken_rule_is_refused(bed: Bed) -> None:
    bed.publish(101, RULE)
    bed.update()
    before = bed.rules()
    bed.publish(102, "body BROKEN /(/\n")
    done = bed.update()
    assert done.returncode == 3
    assert "lint check of update failed; invalid regexp for BROKEN" in done.stderr
    assert done.stderr.count("\n") == 1
    assert bed.rules() == before


def test_one_bad_channel_does_not_hold_up_the_others(bed: Bed) -> None:
    bed.channels.insert(0, {"name": "nowhere.example.test", "keyring": str(bed.keyring)})
    bed.publish(101, RULE)
    done = bed.update()
    assert done.returncode == 2
    assert done.stderr == (
        "mailcordon-sa-update: channel nowhere.example.test: no 'mirrors.nowhere.example.test' record found\n"
    )
    assert bed.channel_text() == RULE


def test_unsigned_rules_need_the_word(bed: Bed, keys: tuple[Key, Key]) -> None:
    bed.publish(101, RULE, signer=keys[1])
    assert bed.update().returncode == 3
    bed.channels = [{"name": CHANNEL, "keyring": None}]
    assert bed.update().returncode == 0
    assert bed.channel_text() == RULE


def test_a_channel_that_is_no_longer_wanted_goes(bed: Bed) -> None:
    bed.publish(101, RULE)
    bed.update()
    bed.channels = []
    assert bed.update().returncode == 0
    assert bed.channel_text() == ""
    assert [path for path in bed.rules() if "rules_example_test" in path] == []
    assert [path for path in bed.rules() if path.endswith("10_default_prefs.cf")]
    assert bed.update().returncode == 1


def test_hooks_of_the_administrator_run_after_news(bed: Bed) -> None:
    bed.hooks.mkdir()
    hook = bed.hooks / "note"
    hook.write_text(f"#!/bin/sh\necho new >>{bed.directory}/noted\n")
    hook.chmod(0o755)
    bed.publish(101, RULE)
    bed.update()
    bed.update()
    assert (bed.directory / "noted").read_text() == "new\n"


def test_a_bad_file_of_settings_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    command = [sys.executable, str(PROGRAM), f"--settings={tmp_path}/x.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "cannot use" in done.stderr


def test_a_keyring_holds_exactly_its_key(bed: Bed, keys: tuple[Key, Key], keep: object) -> None:
    own, other = keys
    assert keep(bed.keyring, own.public)["changed"] is False
    assert (bed.keyring.owner(), bed.keyring.stat().st_mode & 0o777) == (ACCOUNT, 0o700)
    result = keep(bed.keyring, other.public, _ansible_check_mode=True)
    assert (result["changed"], result["fingerprint"]) == (True, other.fingerprint)
    assert keep(bed.keyring, own.public)["changed"] is False
    assert keep(bed.keyring, other.public, fingerprint=other.fingerprint)["changed"]
    assert keep(bed.keyring, other.public)["changed"] is False
    assert keep(bed.keyring, None, state="absent")["changed"]
    assert not bed.keyring.exists()


def test_the_wrong_key_changes_nothing(bed: Bed, keys: tuple[Key, Key], keep: object) -> None:
    own, other = keys
    for key, fingerprint, reason in (
        (other.public, own.fingerprint, f"it holds the key {other.fingerprint}, not {own.fingerprint}"),
        (own.public + other.public, None, "it holds 2 keys; give one"),
        ("no key at all", None, "it holds no public key; give one"),
        (own.gpg("--armor", "--export-secret-keys").decode(), None, "it holds a secret key; export the public one"),
    ):
        result = keep(bed.keyring, key, fingerprint=fingerprint)
        assert result["msg"].startswith(f"the key for {bed.keyring} is refused: {reason}")
    assert keep(bed.keyring, own.public)["changed"] is False
