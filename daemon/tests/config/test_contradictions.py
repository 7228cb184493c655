"""Settings that do not go together are refused (issue 5, 'Bad input')."""

from pathlib import Path

import pytest
from refusals import refusals

from certificates import make_certificate
from mailcordon.config.load import load
from mailcordon.errors import ConfigError

CASES = [
    pytest.param(
        "spam_quarantine_cutoff_level = 5\n",
        "spam_quarantine_cutoff_level: at 5 no spam would be kept, as it begins at spam_kill_level, 6.31",
        "spam_quarantine_cutoff_level = 7\n",
        id="cutoff",
    ),
    pytest.param(
        "[policy_bank.A]\nspam_kill_level = 9\n[policy_bank.B]\nspam_quarantine_cutoff_level = 6\n",
        "policy_bank.B.spam_quarantine_cutoff_level: at 6",
        '[policy_bank.B]\nspam_quarantine_cutoff_level = 6\nspam_quarantine_method = ""\n',
        id="cutoff of a bank",
    ),
    pytest.param(
        'tls_security_level_in = "encrypt"\nsmtpd_discard_ehlo_keywords = ["starttls"]\n',
        "smtpd_discard_ehlo_keywords: STARTTLS is hidden from clients",
        'tls_security_level_in = "may"\nsmtpd_discard_ehlo_keywords = ["starttls"]\n',
        id="hidden STARTTLS",
    ),
    pytest.param(
        "auth_required_inp = true\n",
        "auth_required_inp: no client could ever bring mail",
        'auth_required_inp = true\nauth_mech_avail = ["PLAIN"]\n',
        id="no way to authenticate",
    ),
    pytest.param(
        "tls_verify_out = true\n",
        "tls_verify_out: there is no certificate to verify while",
        'tls_verify_out = true\n[policy_bank.A]\ntls_security_level_out = "encrypt"\n',
        id="verification without TLS",
    ),
    pytest.param(
        'forward_method = ["smtp:[192.0.2.1]:25", "smtp:[127.0.0.1]:10024"]\n',
        "forward_method: goes to port 10024, where this daemon listens",
        'forward_method = "smtp:[192.0.2.1]:10024"\n',
        id="loop",
    ),
    pytest.param(
        'inet_socket_bind = "0.0.0.0"\n[policy_bank.A]\nnotify_method = "smtp:localhost:10024"\n',
        "policy_bank.A.notify_method: goes to port 10024",
        '[policy_bank.A]\nnotify_method = "smtp:localhost:10027"\n',
        id="loop of a bank",
    ),
    pytest.param(
        'inet_socket_port = [10024, 10025]\nforward_method = "smtp:*:*"\nnotify_method = "smtp:[127.0.0.1]:10030"\n',
        "forward_method: goes to port 10025",
        'inet_socket_port = [10024, 10026]\nforward_method = "smtp:*:*"\n',
        id="loop through the client",
    ),
    pytest.param(
        'do_syslog = false\nlogfile = "filter.log"\n',
        "logfile: 'filter.log' is not an absolute path",
        'do_syslog = false\nlogfile = "/var/log/filter"\n',
        id="relative path",
    ),
    pytest.param(
        'tls_ca_file_out = "/nonexistent.pem"\n',
        "tls_ca_file_out: /nonexistent.pem: cannot be read: No such file or directory",
        'tls_ca_file_out = ""\n',
        id="authorities",
    ),
]


@pytest.mark.parametrize(("text", "said", "twin"), CASES)
def test_contradiction(tmp_path: Path, text: str, said: str, twin: str) -> None:
    """Design rule 6: one line with file, line and key; the twin is taken."""
    (found,) = refusals(tmp_path, text)
    assert found.startswith(said)
    assert refusals(tmp_path, twin) == []


def test_file_in_place_of_a_directory(tmp_path: Path) -> None:
    """B10.09: before the first mail is to be kept."""
    (tmp_path / "virusmails").write_text("")
    (tmp_path / "50-user.toml").write_text(f'myhostname = "gate.example.test"\nMYHOME = "{tmp_path}"\n')
    with pytest.raises(ConfigError) as caught:
        load((tmp_path,))
    assert caught.value.problems == (f"configuration: QUARANTINEDIR: {tmp_path}/virusmails is not a directory",)


def test_authorities_that_are_none(tmp_path: Path) -> None:
    """Features 13.11: a file of something else; the twin is a certificate."""
    (tmp_path / "ca.pem").write_text("nothing")
    assert refusals(tmp_path, f'tls_ca_file_out = "{tmp_path}/ca.pem"\n') == [
        f"tls_ca_file_out: {tmp_path}/ca.pem: holds no certificate in PEM form"
    ]
    certificate = make_certificate(tmp_path)
    assert refusals(tmp_path, f'tls_ca_file_out = "{certificate.cert_file}"\n') == []


def test_contradictions_are_seen_beside_faults(tmp_path: Path) -> None:
    """Design rule 6: all at once; what follows from a fault only is not said."""
    text = 'spam_kil_level = 3\nspam_quarantine_cutoff_level = 5\nforward_method = "smtp:here"\n'
    found = [problem.partition(": ")[0] for problem in refusals(tmp_path, text + "inet_socket_port = 10025\n")]
    # notify_method is the packaged one, and still goes to 10025.
    assert sorted(found) == ["forward_method", "notify_method", "spam_kil_level", "spam_quarantine_cutoff_level"]


def test_what_was_meant(tmp_path: Path) -> None:
    """Issue 5: the nearest name for an unknown key, also for amavisd's forms and in entries of lists."""
    text = "virus_lovers_maps = true\nlocal_domains_acl = []\nsa_tag_level_deflt = 3\n"
    text += '[[av_scanners]]\nname = "a"\nprotocol = "clamd"\nsocket = "/a"\nsokcet = "/b"\n'
    assert refusals(tmp_path, text) == [
        "av_scanners.0.sokcet: unknown setting; did you mean socket?",
        "virus_lovers_maps: unknown setting; did you mean virus_lovers?",
        "local_domains_acl: unknown setting; did you mean local_domains?",
        "sa_tag_level_deflt: unknown setting; did you mean spam_tag_level?",
    ]


def test_deep_nesting_is_one_line(tmp_path: Path) -> None:
    """Never a traceback: tomllib gives up with a RecursionError."""
    (tmp_path / "50-user.toml").write_text("a = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(ConfigError) as caught:
        load((tmp_path,))
    assert f"{tmp_path / '50-user.toml'}: not valid TOML: nested too deep" in caught.value.problems
