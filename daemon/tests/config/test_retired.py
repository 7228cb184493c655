"""Old names of amavisd-new (contract B19.06)."""

from pathlib import Path

import pytest

from mailcordon.config.load import Configuration, load
from mailcordon.config.message_settings import MessageSettings
from mailcordon.config.retired import RENAMED, RETIRED
from mailcordon.config.settings import Settings


def loaded(directory: Path, text: str) -> Configuration:
    (directory / "50-user.toml").write_text(f'myhostname = "gate.example.test"\nMYHOME = "{directory}"\n{text}')
    return load((directory,))


OF_THE_CONTRACT = [
    "append_header_fields_to_bottom",  # features 5.42
    "insert_received_line",
    "relayhost_is_client",
    "warnvirussender",
    "warnspamsender",
    "sa_spam_report_header",
    "sa_spam_modifies_subj",
    "sa_auto_whitelist",
    "sa_timeout",
    "syslog_priority",
    "SYSLOG_LEVEL",
    "notify_xmailer_header",
]


OF_P0F = ["os_fingerprint_dst_ip_and_port"]
"""B16.10, features 15.09: what p0f's version 2 wanted to know."""
OF_SPAMASSASSIN = [
    "sa_local_tests_only",
    "sa_configpath",
    "sa_siteconfigpath",
    "sa_userprefs_file",
    "sa_userconf",
    "sa_debug",
    "helpers_home",
]
"""B14.06: what SpamAssassin inside the filter needed."""


@pytest.mark.parametrize(
    "name", [*OF_THE_CONTRACT, *OF_SPAMASSASSIN, *OF_P0F, "pid_file", "lock_file", "defang_by_ccat", "defang_virus"]
)
def test_retired_variables_are_accepted_with_a_warning(tmp_path: Path, name: str) -> None:
    """B19.06, features 5.42, 5.43, 15.09: the value changes nothing, and the warning says what holds instead."""
    plain = loaded(tmp_path, "").values
    configuration = loaded(tmp_path, f"{name} = 1\n")
    assert configuration.values == plain
    place = f"{tmp_path / '50-user.toml'}:3"
    assert configuration.warnings == (f"{place}: {name}: has no meaning any more: {RETIRED[name]}",)


def test_present_names_are_accepted_without_a_warning(tmp_path: Path) -> None:
    """The twin."""
    assert loaded(tmp_path, 'do_syslog = false\nlogfile = "/var/log/x"\n').warnings == ()


def test_compatibility_names_take_effect(tmp_path: Path) -> None:
    """B19.06, features 5.45: DO_SYSLOG and LOGFILE choose where the log goes; later fragments win by either name."""
    configuration = loaded(tmp_path, 'DO_SYSLOG = false\nLOGFILE = "/var/log/filter"\n')
    assert (configuration.settings.do_syslog, configuration.settings.logfile) == (False, "/var/log/filter")
    place = tmp_path / "50-user.toml"
    assert configuration.warnings == (
        f"{place}:3: DO_SYSLOG: is called do_syslog now",
        f"{place}:4: LOGFILE: is called logfile now",
    )
    assert str(configuration.origin("logfile")) == f"{place}:4"
    (tmp_path / "60-site.toml").write_text('logfile = "/var/log/other"\n')
    assert load((tmp_path,)).settings.logfile == "/var/log/other"


def test_the_present_name_wins_beside_the_old_one(tmp_path: Path) -> None:
    """In one fragment, where nothing says which is later."""
    configuration = loaded(tmp_path, "DO_SYSLOG = true\ndo_syslog = false\n")
    assert configuration.settings.do_syslog is False
    assert configuration.warnings[0].endswith("DO_SYSLOG: has no effect: it is called do_syslog now, which is set, too")


def test_old_names_in_a_bank(tmp_path: Path) -> None:
    """B19.06: final_destiny_by_ccat was called final_destiny_maps_by_ccat in between."""
    configuration = loaded(
        tmp_path, '[policy_bank.A]\nsa_timeout = 3\n[policy_bank.A.final_destiny_maps_by_ccat]\nBADH = "reject"\n'
    )
    assert set(configuration.settings.policy_bank["A"].members()) == {"final_destiny_by_ccat"}
    assert [warning.split(": ")[1] for warning in configuration.warnings] == [
        "policy_bank.A.sa_timeout",
        "policy_bank.A.final_destiny_maps_by_ccat",
    ]


def test_old_names_are_no_settings() -> None:
    """Nor are the present names of renamed ones unknown."""
    assert not Settings.model_fields.keys() & {*RENAMED, *RETIRED}
    assert set(RENAMED.values()) <= Settings.model_fields.keys()
    assert RENAMED["final_destiny_maps_by_ccat"] in MessageSettings.model_fields
