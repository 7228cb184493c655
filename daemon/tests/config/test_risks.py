"""Settings that are accepted with a warning (features 17.01, 18.07, 18.08)."""

from pathlib import Path

import pytest

from mailcordon.config.load import load


def warnings(directory: Path, text: str) -> list[str]:
    """What is said of a fragment, without the place in front."""
    (directory / "50-user.toml").write_text(f'myhostname = "gate.example.test"\nMYHOME = "{directory}"\n{text}')
    return [warning.partition(": ")[2] for warning in load((directory,)).warnings]


CASES = [
    # features 18.07, 5.33
    (
        'final_virus_destiny = "bounce"\nviruses_that_fake_sender = false\n',
        "final_virus_destiny: notices go to",
        'final_virus_destiny = "bounce"\n',
    ),
    ('final_banned_destiny = "bounce"\n', "final_banned_destiny: notices go to", 'final_banned_destiny = "reject"\n'),
    (
        'final_bad_header_destiny = "bounce"\n',
        "final_bad_header_destiny: notices go to",
        'final_bad_header_destiny = "reject"\n',
    ),
    (
        '[policy_bank.B]\nfinal_banned_destiny = "bounce"\n',
        "policy_bank.B.final_banned_destiny: notices go to",
        "[policy_bank.B]\nspam_kill_level = 8\n",
    ),
    (
        '[policy_bank.A.final_destiny_by_ccat]\nBANNED = "bounce"\n',
        "policy_bank.A.final_destiny_by_ccat: notices go to",
        '[policy_bank.A.final_destiny_by_ccat]\nBANNED = "reject"\n',
    ),
    (
        'final_spam_destiny = "bounce"\nspam_dsn_cutoff_level = "undef"\n',
        "spam_dsn_cutoff_level: no score is too high",
        'final_spam_destiny = "bounce"\n',
    ),
    (
        'final_spam_destiny = "bounce"\nspam_kill_level = 12\n',
        "spam_dsn_cutoff_level: at 10 is below spam_kill_level, 12",
        "spam_kill_level = 12\n",
    ),
    ('final_virus_destiny = "pass"\n', "final_virus_destiny: infected mail", 'final_bad_header_destiny = "pass"\n'),
    ("virus_lovers = true\n", "virus_lovers: infected mail", 'virus_lovers = ["lab@example.test"]\n'),
    (
        'virus_quarantine_method = ""\n',
        "virus_quarantine_method: no copy is kept of what final_virus_destiny discards",
        'virus_quarantine_method = ""\nfinal_virus_destiny = "reject"\n',
    ),
    (
        'spam_quarantine_to = ""\n',
        "spam_quarantine_method: no copy is kept of what final_spam_destiny discards",
        'spam_quarantine_to = { hash = { ".example.test" = "", "." = "spam" } }\n',
    ),
    ("virus_scanners_failure_is_fatal = false\n", "virus_scanners_failure_is_fatal: mail passes without a scan", ""),
    ("spam_scanners_failure_is_fatal = false\n", "spam_scanners_failure_is_fatal: mail passes without a score", ""),
    ("bypass_virus_checks = false\nav_scanners = []\n", "av_scanners: there is none", "av_scanners = []\n"),
    (
        'metrics_listen = "192.0.2.1:9924"\n',
        "metrics_listen: whoever reaches 192.0.2.1",
        'metrics_listen = "[::1]:1"\n',
    ),
    ("bypass_spam_checks = false\nspam_scanners = []\n", "spam_scanners: there is none", "spam_scanners = []\n"),
    ("av_scan_timeout = 500\n", "av_scan_timeout: is longer than child_timeout", "av_scan_timeout = 400\n"),
    ("child_timeout = 200\n", "child_timeout: leaves clamd 120 s for a message", "child_timeout = 210\n"),
    ("av_scan_timeout = 60\n", "av_scan_timeout: leaves clamd 60 s for a message", "av_scan_timeout = 121\n"),
    ('inet_acl = ["0/0"]\n', "inet_acl: every host", 'inet_acl = ["192.0.2.0/24", "!0/0"]\n'),
    ('inet_acl = ["::/0"]\n', "inet_acl: every host", 'inet_acl = ["[fc00::]/7"]\n'),
    ('mynetworks = ["0.0.0.0/0"]\n', "mynetworks: mail from everywhere", 'mynetworks = ["10/8"]\n'),
    ("spam_kill_level = 0\n", "spam_kill_level: at 0", "spam_kill_level = 0.1\n"),
    ("spam_tag2_level = 1\n", "spam_tag2_level: at 1 is below spam_tag_level, 2", "spam_tag2_level = 2\n"),
    ('logfile = "/var/log/filter"\n', "logfile: is not used", 'logfile = "/var/log/filter"\ndo_syslog = false\n'),
    (
        'unix_socketname = "/run/mailcordon/lmtp"\nunix_socket_mode = 0o666\n',
        "unix_socket_mode: every account",
        'unix_socketname = "/run/mailcordon/lmtp"\n',
    ),
    (
        'unix_socketname = "/run/a"\nunix_socket_group."/run/b" = "mailrelease"\n',
        "unix_socket_group./run/b: nothing listens there",
        'unix_socketname = "/run/a"\nunix_socket_group."/run/a" = "mailrelease"\n',
    ),
    (
        'unix_socketname = "/run/a"\nunix_socket_group."/run/a" = "mailrelease"\nunix_socket_mode = 0o600\n',
        "unix_socket_group./run/a: unix_socket_mode keeps the group mailrelease out",
        'unix_socketname = "/run/a"\nunix_socket_group."/run/a" = "mailrelease"\n',
    ),
    (
        'addr_extension_spam = "spam"\nrecipient_delimiter = ""\n',
        "addr_extension_spam: has no effect while recipient_delimiter is empty",
        'addr_extension_spam = "spam"\n',
    ),
    (
        "terminate_dsn_on_notify_success = true\npropagate_dsn_if_possible = false\n",
        "terminate_dsn_on_notify_success: has no effect",
        "terminate_dsn_on_notify_success = true\n",
    ),
    # B4.03
    (
        'interface_policy = { "10026" = "ORIGINATING" }\n',
        "interface_policy.10026: nothing listens there",
        'interface_policy = { "10026" = "ORIGINATING" }\ninet_socket_port = [10024, 10026]\n',
    ),
    (
        'interface_policy = { "SOCK" = "ORIGINATING" }\nunix_socketname = []\n',
        "interface_policy.SOCK: nothing listens there",
        'interface_policy = { "SOCK" = "ORIGINATING" }\nunix_socketname = "/run/mailcordon/lmtp"\n',
    ),
    (
        'interface_policy = { "127.0.0.1:10024" = "ORIGINATNIG" }\n',
        "interface_policy.127.0.0.1:10024: there is no policy bank ORIGINATNIG",
        'interface_policy = { "127.0.0.1:10024" = "ORIGINATING" }\n',
    ),
    # features 18.08, 5.31
    (
        'whitelist_sender = [".example.test"]\n',
        "whitelist_sender: whoever writes an address of example.test",
        'whitelist_sender = ["partner.example"]\n',
    ),
    (
        'whitelist_sender = [".example.test"]\n',
        "whitelist_sender: whoever writes an address of example.test",
        '[policy_bank.A]\noriginating = true\nwhitelist_sender = [".example.test"]\n',
    ),
    (
        '[per_recip_whitelist_sender_lookup_tables.hash]\n"bob@example.test" = { hash = { "." = true } }\n',
        "per_recip_whitelist_sender_lookup_tables: whoever writes",
        '[per_recip_whitelist_sender_lookup_tables.hash]\n"bob@example.test" = ["partner.example"]\n',
    ),
    # features 17.01, the tenth point
    (
        "mynetworks = []\n[policy_bank.MYUSERS]\nspam_kill_level = 9\n[policy_bank.ORIGINATING]\noriginating = false\n",
        "policy_bank.MYUSERS: never holds",
        "mynetworks = []\n[policy_bank.MYUSERS]\nspam_kill_level = 9\n",
    ),
]


@pytest.mark.parametrize(("text", "said", "twin"), CASES)
def test_risk(tmp_path: Path, text: str, said: str, twin: str) -> None:
    """One warning, and none for the twin."""
    (found,) = warnings(tmp_path, text)
    assert found.startswith(said)
    assert warnings(tmp_path, twin) == []


def test_missing_directory(tmp_path: Path) -> None:
    """B10.09: the daemon would not start; on another host it may be there."""
    (tmp_path / "50-user.toml").write_text('myhostname = "gate.example.test"\nQUARANTINEDIR = "/nonexistent/a"\n')
    (warning,) = [line for line in load((tmp_path,)).warnings if "/nonexistent" in line]
    place = f"{tmp_path / '50-user.toml'}:2"
    assert warning == f"{place}: QUARANTINEDIR: /nonexistent/a cannot be made, as /nonexistent is missing"
