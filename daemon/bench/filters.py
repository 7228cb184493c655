"""The two filters that are compared, each set up as its own documentation recommends for this machine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.processes import BenchError, Program, free_port, installed
from mailcordon.config.sql_source import sql_source
from mailcordon.store.engine import Databases
from mailcordon.store.migrate import Part, upgrade

WORKS = ("relay", "virus", "virus+spam")
"""Relay only; virus checks; virus and spam checks."""
AMAVISD_CHILDREN = 4
"""As many as in the reference measurements; more did not make it faster on two cores."""
RECIPIENT_DOMAIN = "example.test"
HOST_NAME = "bench.example.test"


class Mailcordon(Program):
    """`mailcordon serve`, one worker a core."""

    name = "mailcordon"
    workers = 0
    """What `max_servers` means by it: one a core."""

    def __init__(self, directory: Path, work: str, next_hop: int, clamd: str, spamd: str) -> None:
        self.port = free_port()
        home, fragments = directory / "home", directory / "conf.d"
        home.mkdir()
        fragments.mkdir()
        fragment = fragments / "50-bench.toml"
        fragment.write_text(
            "\n".join(
                (
                    f'myhostname = "{HOST_NAME}"',
                    f'MYHOME = "{home}"',
                    f"inet_socket_port = {self.port}",
                    f"max_servers = {self.workers}",
                    f'forward_method = "smtp:[127.0.0.1]:{next_hop}"',
                    f'notify_method = "smtp:[127.0.0.1]:{next_hop}"',
                    "do_syslog = false",
                    f'logfile = "{directory / "log"}"',
                    f"bypass_virus_checks = {str(work == 'relay').lower()}",
                    f"bypass_spam_checks = {str(work != 'virus+spam').lower()}",
                    # Relay only means for both filters that nothing is looked at.
                    f"bypass_header_checks = {str(work == 'relay').lower()}",
                    f"bypass_banned_checks = {str(work == 'relay').lower()}",
                    f"bypass_decode_parts = {str(work == 'relay').lower()}",
                    "spam_tag_level = -999.0",
                    *self._more_settings(directory),
                    f'[[av_scanners]]\nname = "clamd"\nprotocol = "clamd"\nsocket = "{clamd}"',
                    f'[[spam_scanners]]\nname = "spamd"\nprotocol = "spamd"\nsocket = "{spamd}"',
                )
            )
        )
        # The daemon refuses fragments that its own account could change.
        fragment.chmod(0o444)
        command = [str(Path(sys.executable).with_name("mailcordon")), "serve", "--config-dir", str(fragments)]
        command += ["--user", "root"] if os.geteuid() == 0 else []
        super().__init__(self.name, command, self.port, directory / "mailcordon.output")

    def _more_settings(self, _directory: Path) -> Sequence[str]:
        """Lines of its fragment."""
        return ()


class MailcordonTls(Mailcordon):
    """The same, which offers STARTTLS with a certificate of its own."""

    def _more_settings(self, directory: Path) -> Sequence[str]:
        certificate, key = directory / "certificate.pem", directory / "key.pem"
        command = [installed("openssl", "openssl"), "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={HOST_NAME}"]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
        return (
            'tls_security_level_in = "may"',
            f'smtpd_tls_cert_file = "{certificate}"',
            f'smtpd_tls_key_file = "{key}"',
        )


class MailcordonPolicies(Mailcordon):
    """The same with three kinds of recipients, whose copies differ."""

    def _more_settings(self, _directory: Path) -> Sequence[str]:
        return (
            'remove_existing_x_scanned_headers = { regexp = [["^c", true], [".", false]] }',
            'remove_existing_spam_headers = { regexp = [["^a", false], [".", true]] }',
        )

    @staticmethod
    def recipients(number: int) -> list[str]:
        """That many, of all kinds."""
        return [f"{'abc'[count % 3]}{count}@{RECIPIENT_DOMAIN}" for count in range(number)]


class MailcordonLog(Mailcordon):
    """The same with the mail log that the role sets up: SQLite, no lookups."""

    name = "mailcordon, mail log in SQLite"

    def _more_settings(self, directory: Path) -> Sequence[str]:
        url = f"sqlite:///{directory / 'mail.db'}"
        with Databases([sql_source(url)], timeout=0).connect() as connection, connection.begin():
            upgrade(connection, Part.LOG, allow_8bit=True)
        return (f'storage_sql_dsn = "{url}"',)


class MailcordonAlone(Mailcordon):
    """The same with one worker, whatever the machine has."""

    name = "mailcordon, one worker"
    workers = 1


class Amavisd(Program):
    """Debian's amavisd-new with Debian's own fragments, run in directories of our own."""

    name = "amavisd-new"

    def __init__(self, directory: Path, work: str, next_hop: int, clamd: str, spamd: str) -> None:
        self.port = free_port()
        # Its account may write there, and must not be able to write where the configuration is.
        home = directory / "home"
        rooms = [home, *(home / name for name in ("tmp", "db", "quarantine"))]
        for room in rooms:
            room.mkdir()
            shutil.chown(room, "amavis", "amavis")
        bypass_virus, bypass_spam = int(work == "relay"), int(work != "virus+spam")
        rest = "@bypass_banned_checks_maps=(1); @bypass_header_checks_maps=(1); $bypass_decode_parts=1;"
        configuration = directory / "60-bench"
        configuration.write_text(
            f"""use strict;
$MYHOME = '{home}'; $TEMPBASE = '{home}/tmp'; $db_home = '{home}/db'; $QUARANTINEDIR = '{home}/quarantine';
$lock_file = '{home}/lock'; $pid_file = '{home}/pid'; $ENV{{TMPDIR}} = $TEMPBASE;
$daemon_user = 'amavis'; $daemon_group = 'amavis';
$myhostname = '{HOST_NAME}'; $mydomain = '{RECIPIENT_DOMAIN}'; @local_domains_maps = (['.{RECIPIENT_DOMAIN}']);
$max_servers = {AMAVISD_CHILDREN}; $inet_socket_port = {self.port}; $unix_socketname = undef;
$forward_method = 'smtp:[127.0.0.1]:{next_hop}'; $notify_method = $forward_method;
$do_syslog = 0; $DO_SYSLOG = 0; $LOGFILE = '{home}/log'; $log_level = 0;
$sa_local_tests_only = 1; $sa_tag_level_deflt = -999;
@bypass_virus_checks_maps = ({bypass_virus}); @bypass_spam_checks_maps = ({bypass_spam});
{rest if work == "relay" else ""}
@av_scanners = (['ClamAV-clamd', \\&ask_daemon, ["CONTSCAN {{}}\\n", '{clamd}'],
  qr/\\bOK$/m, qr/\\bFOUND$/m, qr/^.*?: (?!Infected Archive)(.*) FOUND$/m]);
@av_scanners_backup = ();
1;
"""
        )
        command = [installed("amavisd", "amavisd-new")]
        for fragment in (*_debian_fragments(), configuration):
            command += ["-c", str(fragment)]
        super().__init__(self.name, [*command, "foreground"], self.port, directory / "amavisd.output")


FILTERS: dict[str, type[Mailcordon | Amavisd]] = {kind.name: kind for kind in (Mailcordon, Amavisd)}


def _debian_fragments() -> list[Path]:
    found = [
        path
        for directory in ("/usr/share/amavis/conf.d", "/etc/amavis/conf.d")
        if Path(directory).is_dir()
        for path in Path(directory).iterdir()
        if path.name[:2].isdigit() and "dpkg" not in path.name
    ]
    if not found:
        raise BenchError("amavisd-new has no fragments below /etc/amavis: apt-get install amavisd-new")
    return sorted(found, key=lambda path: path.name)
