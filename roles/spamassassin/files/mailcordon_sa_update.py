# Copyright (c) 2026 mailcordon contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates SpamAssassin's rules from its channels. Rules that do not work together never take effect.

The channels are updated in a copy of the rules. SpamAssassin reads the copy together with the site's own configuration,
and only then it takes the place of the rules in force; spamd is restarted only when there is something new. When spamd
does not come back with the new rules, it gets the old ones again.

Exit code: 0 new rules are in force, 1 there was nothing new, 2 new rules are in force but something failed, 3 nothing
was changed because something failed. Each failure is one line on standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

NEW_RULES, NOTHING_NEW, PARTLY_FAILED, FAILED = range(4)

OFFICIAL_CHANNEL = "updates.spamassassin.org"


class UpdateError(Exception):
    """What went wrong, in one line."""


@dataclass(frozen=True)
class Channel:
    """A source of rules. An unsigned one has no keyring."""

    name: str
    keyring: str | None

    @property
    def stem(self) -> str:
        """What sa-update calls the channel's files and directory."""
        return re.sub(r"[^A-Za-z0-9-]+", "_", self.name)


@dataclass(frozen=True)
class Settings:
    """What the file of settings says."""

    channels: list[Channel]
    account: str
    """Owner of the rules; programs that meet rules from outside run under this account."""
    state_directory: Path
    """Rules in force are in the directory VERSION below it, compiled ones in `compiled`."""
    packaged_rules: Path
    """The rules that the package brought."""
    service: str
    """Unit of spamd; an empty string leaves spamd alone."""
    hooks_directory: Path
    compile: bool


def read_settings(path: str) -> Settings:
    """Raises UpdateError if the file cannot be read or says something else than expected."""
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
        return Settings(
            channels=[Channel(entry["name"], entry["keyring"]) for entry in raw["channels"]],
            account=raw["account"],
            state_directory=Path(raw["state_directory"]),
            packaged_rules=Path(raw["packaged_rules"]),
            service=raw["service"],
            hooks_directory=Path(raw["hooks_directory"]),
            compile=raw["compile"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UpdateError(f"cannot use {path}: {error!r}") from error


class Rules:
    """The rules in force, and the copy in which they are updated."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._account = pwd.getpwnam(settings.account)
        self._version = self._run(["perl", "-MMail::SpamAssassin", "-e", "print $Mail::SpamAssassin::VERSION"]).stdout
        self.live = settings.state_directory / self._version
        self.stage = settings.state_directory / f"{self._version}.new"
        self.former = settings.state_directory / f"{self._version}.old"

    def copy(self) -> None:
        """Start from the rules in force.

        As soon as there is a directory of updates, SpamAssassin leaves the packaged rules aside. So they must be in the
        copy, or a channel with a handful of rules would take the place of all others.
        """
        for left_over in (self.stage, self.former):
            shutil.rmtree(left_over, ignore_errors=True)
        if self.live.is_dir():
            self._must(["cp", "-a", str(self.live), str(self.stage)], "cannot copy the rules in force")
        if not (self.stage / f"{Channel(OFFICIAL_CHANNEL, None).stem}.cf").exists():
            self._install_packaged_rules()

    def _install_packaged_rules(self) -> None:
        # Not in the directory of the account: root follows no path that another account can bend.
        with tempfile.TemporaryDirectory(prefix="mailcordon-sa-update-") as directory:
            os.chmod(directory, 0o755)
            # The digits become the version of these rules: older than any update.
            archive = Path(directory, "packaged-000.tar.gz")
            with tarfile.open(archive, "w:gz") as tar:
                # sa-update takes plain names only.
                for path in sorted(self._settings.packaged_rules.iterdir()):
                    if path.is_file():
                        tar.add(path, arcname=path.name)
            digest = hashlib.sha256(archive.read_bytes()).hexdigest()
            archive.with_name(f"{archive.name}.sha256").write_text(f"{digest}  {archive.name}\n", encoding="ascii")
            self._must(
                ["sa-update", "--nogpg", f"--updatedir={self.stage}", f"--install={archive}"],
                "cannot install the packaged rules",
            )

    def drop_other_channels(self) -> bool:
        """Take channels out that are no longer wanted. Returns whether there were any."""
        wanted = {channel.stem for channel in [*self._settings.channels, Channel(OFFICIAL_CHANNEL, None)]}
        others = [path for path in self.stage.glob("*.cf") if path.stem not in wanted]
        for path in others:
            own = [str(path), str(path.with_suffix(".pre")), str(path.with_suffix(""))]
            self._must(["rm", "-rf", *own], f"cannot remove the channel {path.stem}")
        return bool(others)

    def fetch(self, channel: Channel) -> bool:
        """Update one channel in the copy. Returns whether it had something new."""
        command = ["sa-update", f"--updatedir={self.stage}", f"--channel={channel.name}"]
        if channel.keyring is None:
            command.append("--nogpg")
        else:
            # Only the keys of its own keyring count for a channel.
            command.append(f"--gpghomedir={channel.keyring}")
            command.extend(f"--gpgkey={fingerprint}" for fingerprint in self._fingerprints(channel.keyring))
        done = self._run(command)
        if done.returncode not in (0, 1):
            raise UpdateError(f"channel {channel.name}: {reason_of_sa_update(done.stderr + done.stdout)}")
        return done.returncode == 0

    def _fingerprints(self, keyring: str) -> list[str]:
        listing = self._run(["gpg", "--batch", "--homedir", keyring, "--with-colons", "--list-keys"]).stdout
        fields = [line.split(":") for line in listing.splitlines()]
        return [field[9] for field in fields if field[0] == "fpr"]

    def lint(self) -> None:
        """Let SpamAssassin read the copy with the site's configuration. Raises UpdateError if it objects."""
        self._must(
            ["spamassassin", "--lint", "--local", "--nocreate-prefs", f"--configpath={self.stage}"],
            "the new rules are refused and the old ones stay",
        )

    def put_in_force(self) -> None:
        """Exchange the rules in force for the copy. Between the two steps the packaged rules would be found."""
        if self.live.is_dir():
            self.live.rename(self.former)
        self.stage.rename(self.live)

    def go_back(self) -> None:
        """Undo put_in_force."""
        self.live.rename(self.stage)
        if self.former.is_dir():
            self.former.rename(self.live)

    def clean_up(self) -> None:
        for path in (self.stage, self.former):
            shutil.rmtree(path, ignore_errors=True)

    def compile(self) -> None:
        """Compile the rules in force. Raises UpdateError if that fails; they are interpreted then."""
        compiled = self._settings.state_directory / "compiled"
        try:
            self._must(["sa-compile", "--quiet"], "the rules are not compiled, SpamAssassin interprets them")
        except UpdateError:
            shutil.rmtree(compiled, ignore_errors=True)
            raise
        # sa-compile does not care for the umask.
        self._must(["chmod", "-R", "go-w,go+rX", str(compiled)], "cannot open the compiled rules to all")

    def _must(self, command: list[str], failure: str) -> str:
        done = self._run(command)
        if done.returncode != 0:
            raise UpdateError(f"{failure}: {last_complaint(done.stderr + done.stdout)}")
        return done.stdout

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        environment = dict(os.environ, HOME=str(self._settings.state_directory), LC_ALL="C", USER=self._account.pw_name)
        try:
            return subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                cwd=self._settings.state_directory,
                env=environment,
                umask=0o022,
                user=self._account.pw_uid,
                group=self._account.pw_gid,
                extra_groups=[],
            )
        except OSError as error:
            raise UpdateError(f"cannot run {command[0]}: {error.strerror}") from error


def reason_of_sa_update(output: str) -> str:
    """Why a channel failed, from what sa-update said."""
    found = re.findall(r"channel '[^']*': (.*), channel failed", output)
    lint = [re.sub(r"^.*?config: ", "", line) for line in output.splitlines() if "config: " in line]
    return "; ".join([*found, *lint[:1]]) if found else last_complaint(output)


def last_complaint(output: str) -> str:
    """The line that says most: the first complaint of SpamAssassin, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    warnings = [line.partition("warn: ")[2] for line in lines if "warn: " in line]
    return (warnings or lines[-1:] or ["no reason given"])[0]


def restart(service: str) -> None:
    """Restart spamd where it runs; its unit is up only when it answers. Raises UpdateError."""
    if not service:
        return
    if subprocess.run(["systemctl", "try-restart", service], capture_output=True, check=False).returncode != 0:
        raise UpdateError(f"{service} does not start, see journalctl -u {service}")


def update(settings: Settings) -> tuple[int, list[str]]:
    """Update all channels. Returns the exit code and what failed."""
    rules = Rules(settings)
    failures: list[str] = []
    try:
        rules.copy()
        changed = rules.drop_other_channels()
        for channel in settings.channels:
            try:
                changed = rules.fetch(channel) or changed
            except UpdateError as error:
                failures.append(str(error))
        if not changed:
            return FAILED if failures else NOTHING_NEW, failures
        rules.lint()
        rules.put_in_force()
        failures.extend(serve_new_rules(rules, settings))
    except UpdateError as error:
        return FAILED, [*failures, str(error)]
    finally:
        rules.clean_up()
    return PARTLY_FAILED if failures else NEW_RULES, failures


def serve_new_rules(rules: Rules, settings: Settings) -> list[str]:
    """Compile the rules and restart spamd. Returns what failed; raises UpdateError when the old rules are back."""
    failures = []
    if settings.compile:
        failures = attempt(rules.compile)
    try:
        restart(settings.service)
    except UpdateError as error:
        rules.go_back()
        if settings.compile:
            attempt(rules.compile)
        attempt(lambda: restart(settings.service))
        raise UpdateError(f"the new rules are taken back: {error}") from error
    if settings.hooks_directory.is_dir():
        subprocess.run(["run-parts", "--lsbsysinit", str(settings.hooks_directory)], check=False)
    return failures


def attempt(step: Callable[[], None]) -> list[str]:
    """Do something that may fail. Returns what failed."""
    try:
        step()
    except UpdateError as error:
        return [str(error)]
    return []


@contextlib.contextmanager
def alone(path: str) -> Iterator[None]:
    """Wait until no other update with the same file of settings runs."""
    with open(path, encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--settings", default="/etc/spamassassin/mailcordon/update.json", help="default: %(default)s")
    parser.add_argument("--compile", action="store_true", help="only compile the rules in force; spamd is not told")
    arguments = parser.parse_args()
    try:
        settings = read_settings(arguments.settings)
        with alone(arguments.settings):
            if arguments.compile:
                Rules(settings).compile()
                return NEW_RULES
            code, failures = update(settings)
    except (UpdateError, OSError, KeyError) as error:
        code, failures = FAILED, [str(error)]
    for failure in failures:
        sys.stderr.write(f"mailcordon-sa-update: {failure}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
