"""Certificate and key are looked at before mail is taken (features 13.15)."""

import os
import pwd
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from certificates import Certificate, make_certificate
from mailcordon.cli.main import main
from mailcordon.config.settings import Settings
from mailcordon.run.account import Account
from mailcordon.run.tls_files import tls_problems

MakeSettings = Callable[..., Settings]


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path)


@pytest.fixture
def settings(make_settings: MakeSettings, certificate: Certificate) -> Settings:
    return make_settings(
        tls_security_level_in="may",
        smtpd_tls_cert_file=certificate.cert_file,
        smtpd_tls_key_file=certificate.key_file,
    )


def own_problems(settings: Settings) -> list[str]:
    return [*tls_problems(settings, Account.own())]


def test_good_files(settings: Settings) -> None:
    """The harmless twin of all that follows."""
    assert own_problems(settings) == []


def test_missing_files(settings: Settings, certificate: Certificate) -> None:
    """Features 13.15: both are named."""
    certificate.cert_file.unlink()
    certificate.key_file.unlink()
    first, second = own_problems(settings)
    assert first.startswith(f"smtpd_tls_cert_file: {certificate.cert_file}: No such file or directory")
    assert second.startswith(f"smtpd_tls_key_file: {certificate.key_file}: No such file or directory")


def test_key_that_all_can_read(settings: Settings, certificate: Certificate) -> None:
    """Features 13.15; a certificate is no secret."""
    certificate.cert_file.chmod(0o644)
    certificate.key_file.chmod(0o644)
    key = certificate.key_file
    (problem,) = own_problems(settings)
    assert problem == f"smtpd_tls_key_file: {key}: can be read by all accounts (mode 0644); 0640 is right"
    key.chmod(0o640)
    assert own_problems(settings) == []


def test_files_that_do_not_fit(settings: Settings, certificate: Certificate, tmp_path: Path) -> None:
    """Features 13.15: found at the start and not at the first handshake."""
    certificate.key_file.write_bytes(make_certificate(tmp_path, "other").key_file.read_bytes())
    (problem,) = own_problems(settings)
    assert re.fullmatch(r"smtpd_tls_cert_file: .*: key values mismatch", problem)


@pytest.mark.skipif(os.geteuid() != 0, reason="files of other accounts are made here")
def test_key_of_another_account(settings: Settings, certificate: Certificate, tmp_path: Path) -> None:
    """Features 13.15: root's key is of no use to the service account."""
    tmp_path.chmod(0o711)
    account = Account.named("daemon")
    assert f"smtpd_tls_key_file: {certificate.key_file}: cannot be read by daemon" in [*tls_problems(settings, account)]
    os.chown(certificate.key_file, pwd.getpwnam("daemon").pw_uid, -1)
    assert [*tls_problems(settings, account)] == []


def test_nothing_is_asked_for_without_tls(make_settings: MakeSettings) -> None:
    """Features 13.14: none, also where a bank says so."""
    assert own_problems(make_settings(policy_bank={"A": {"tls_security_level_in": "none"}, "B": {}})) == []


def test_tls_in_a_bank_alone_needs_the_files(make_settings: MakeSettings) -> None:
    """Features 13.13, 13.15: the twin of the test above; by default they are looked for below MYHOME."""
    settings = make_settings(policy_bank={"A": {"tls_security_level_in": "may"}})
    assert f"{settings.MYHOME}/cert/amavisd-cert.pem" in own_problems(settings)[0]


def test_check_config_says_it(tmp_path: Path, certificate: Certificate) -> None:
    """Features 13.15: before the daemon is restarted with it."""
    fragment = tmp_path / "50-user.toml"
    fragment.write_text(
        'myhostname = "gate.example.test"\ntls_security_level_in = "encrypt"\n'
        f'smtpd_tls_cert_file = "{certificate.cert_file}"\nsmtpd_tls_key_file = "{certificate.key_file}"\n'
    )
    command = ["check-config", "--config-dir", str(tmp_path)]
    assert CliRunner().invoke(main, command).exit_code == 0
    certificate.key_file.chmod(0o604)
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert result.output.startswith(
        f"{fragment}:4: smtpd_tls_key_file: {certificate.key_file}: can be read by all accounts"
    )
