"""The documentation: examples are loaded, generated pages are up to date (features 5.02, 5.04)."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import settings_pages
from mailcordon.config.load import load, packaged_directory
from mailcordon.config.message_settings import MessageSettings
from mailcordon.config.retired import RENAMED, RETIRED
from mailcordon.config.schema import json_schema
from mailcordon.config.settings import Settings
from mailcordon.errors import ConfigError

ROOT = Path(__file__).parents[3]
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("daemon/*.md"), *ROOT.glob("roles/*/*.md")})
EXAMPLES = [
    pytest.param(example, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, example in enumerate(
        re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    )
]
FRAGMENTS = sorted(packaged_directory().glob("*.toml"))


def faults(fragment: dict[str, Any]) -> list[str]:
    """What an editor would underline."""
    return [error.message for error in Draft202012Validator(json_schema()).iter_errors(fragment)]


def test_there_are_examples() -> None:
    """The tests below must have something to load."""
    pages = {str(example.id).rpartition("-")[0] for example in EXAMPLES}
    assert len(EXAMPLES) >= 10
    assert {"docs/configuration.md", "docs/from-amavisd.md"} <= pages


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_is_a_good_configuration(example: str, tmp_path: Path) -> None:
    """Features 5.04: each example is a good fragment by itself, for the daemon and for an editor."""
    (tmp_path / "50-user.toml").write_text(example, encoding="utf-8")
    assert load((tmp_path,)).settings.myhostname == "gate.example.com"
    assert faults(tomllib.loads(example)) == []


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_packaged_fragments_fit_the_schema(path: Path) -> None:
    """Issue 5: a JSON schema of the configuration for editors."""
    assert faults(tomllib.loads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "no_such_setting = 1",
        'max_servers = "many"',
        "max_servers = -1",
        "inet_socket_port = 99999",
        'final_virus_destiny = "explode"',
        'spam_kill_level = "much"',
        "virus_lovers = { hash = { a = 3 } }",
        "virus_lovers = { hash = {}, acl = [] }",
        "[policy_bank.A]\nMYHOME = '/x'",
        "[policy_bank.A]\nspam_kill_level = true",
        "[allowed_header_tests]\nnothing = true",
        "[final_destiny_by_ccat]\n'no category' = 'pass'",
        "[[av_scanners]]\nname = 'a'\nprotocol = 'clamd'",
        "[[av_scanners]]\nname = 'a'\nprotocol = 'clamd'\nsocket = 'nowhere'",
    ],
)
def test_the_schema_finds_faults(text: str, tmp_path: Path) -> None:
    """The twin of the tests above; the daemon finds the same."""
    assert faults(tomllib.loads(text)) != []
    (tmp_path / "50-user.toml").write_text(f'myhostname = "gate.example.test"\n{text}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"50-user\.toml"):
        load((tmp_path,))


def test_old_names_are_deprecated() -> None:
    """B19.06: editors strike them out, and do not call them unknown."""
    properties = json_schema()["properties"]
    assert all(properties[name]["deprecated"] for name in (*RENAMED, *RETIRED))
    assert faults({"DO_SYSLOG": True, "sa_timeout": 30}) == []


def test_replace_key_of_a_bank() -> None:
    """B4.01: only in a bank."""
    table = {"final_destiny_by_ccat": {"REPLACE": True, "VIRUS": "reject"}}
    assert faults({"policy_bank": {"A": table}}) == []
    assert faults(table) != []


def test_every_setting_is_described() -> None:
    """Issue 5: the docstring below a setting is its description in the schema and on the page."""
    silent = [name for name, field in Settings.model_fields.items() if not field.description]
    assert silent == []


def test_generated_pages_are_up_to_date() -> None:
    """`make lint` says so, too."""
    for path, text in settings_pages.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"run {settings_pages.COMMAND}"


def test_settings_page_has_every_setting() -> None:
    """And tells those of a message from those of the whole daemon (contract B4.08)."""
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    of_messages, of_daemon = page.split("## Settings of the whole daemon")
    of_daemon = of_daemon.partition("\n## ")[0]
    for name in Settings.model_fields:
        assert (f"| `{name}` |" in of_messages) is (name in MessageSettings.model_fields)
        assert (f"| `{name}` |" in of_daemon) is (name not in MessageSettings.model_fields)


FROM_AMAVISD = (ROOT / "docs/from-amavisd.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")] for line in FROM_AMAVISD.splitlines() if line[:2] == "| "
]
VARIABLES = {name: here for first, here, *_ in ROWS for name in re.findall(r"`[$@%]([A-Za-z0-9_]+)", first)}
# features 5.06-5.49, 5.23; contract B19.06; the stock files of Debian's package.
NAMED = re.findall(
    r"\w+",
    """
    path file gzip bzip2 lzop rpm2cpio cabextract uncompress unfreeze arc unarj unrar zoo lha pax cpio ar ripole
    dspam local_domains_acl mydomain myhostname av_scanners bypass_virus_checks_maps bypass_virus_checks
    bypass_virus_checks_acl bypass_virus_checks_re bypass_spam_checks_maps bypass_spam_checks bypass_spam_checks_acl
    bypass_spam_checks_re enable_dkim_verification whitelist_sender_acl final_virus_destiny final_banned_destiny
    final_spam_destiny final_bad_header_destiny append_header_fields_to_bottom pid_file lock_file MYHOME DO_SYSLOG
    LOGFILE QUARANTINEDIR map_full_type_to_short_type_re decoders sql_clause sql_partition_tag final_destiny_by_ccat
    defang_by_ccat insert_received_line relayhost_is_client warnvirussender warnspamsender sa_spam_report_header
    sa_spam_modifies_subj sa_auto_whitelist sa_timeout syslog_priority SYSLOG_LEVEL notify_xmailer_header MAXFILES
    MAXLEVELS MAX_EXPANSION_QUOTA MIN_EXPANSION_QUOTA TEMPBASE X_HEADER_LINE av_scanners_backup banned_filename_re
    bdy_encoding daemon_group daemon_user db_home enable_db enable_global_cache hdr_encoding inet_socket_port
    interface_policy keep_decoded_original_maps policy_bank quarantine_subdir_levels sa_dsn_cutoff_level
    sa_kill_level_deflt sa_local_tests_only sa_mail_body_size_limit sa_spam_subject_tag sa_tag2_level_deflt
    sa_tag_level_deflt score_sender_maps syslog_facility syslog_ident unix_socketname author_to_policy_bank_maps
    bounce_killer_score report_format release_format tls_security_level_in tls_security_level_out
    """,
)


@pytest.mark.parametrize("name", NAMED)
def test_every_old_variable_is_in_the_table(name: str) -> None:
    """Features 5.02, 5.23, 17.03, 18.17: with its setting of today, or with the reason why it has none."""
    assert name in VARIABLES


@pytest.mark.parametrize("name", sorted({name for here in VARIABLES.values() for name in re.findall(r"`(\w+)`", here)}))
def test_every_setting_in_the_table_exists(name: str) -> None:
    """Features 5.02: no promises."""
    assert name in Settings.model_fields


@pytest.mark.parametrize(
    "name", sorted({name.removesuffix("_maps") for name in VARIABLES} & Settings.model_fields.keys())
)
def test_a_variable_with_a_setting_of_its_name_points_to_it(name: str) -> None:
    """Features 5.02: what was planned and has come is no longer said to be missing."""
    assert f"`{name}`" in VARIABLES.get(name, "") + VARIABLES.get(f"{name}_maps", "")


@pytest.mark.parametrize("name", sorted(RETIRED))
def test_retired_variables_are_said_to_be_accepted(name: str) -> None:
    """B19.06: where the table says so, it is so."""
    (row,) = [row for row in ROWS if f"${name}`" in row[0] or f"%{name}`" in row[0]]
    assert "accepted with a warning" in row[2]


def test_every_old_file_is_in_the_table() -> None:
    """Features 5.01, 5.02: the files of Debian and Ubuntu."""
    files = " ".join(row[0] for row in ROWS)
    names = (
        "01-debian 05-domain_id 05-node_id 15-av_scanners 15-content_filter_mode 20-debian_defaults 21-ubuntu_defaults "
    )
    names += "25-amavis_helpers 30-template_localization 40-policy_banks 50-user 10-debian_scripts 20-package"
    for name in names.split():
        assert f"{name}`" in files


def test_the_ten_points_of_an_upgrade() -> None:
    """Features 17.01: each has its line, and those that are configuration a warning."""
    points = FROM_AMAVISD.partition("## The ten points")[2].partition("\n## ")[0]
    rows = [line for line in points.splitlines() if line[:1] == "|"][2:]
    assert len(rows) == 10
    assert sum("warning" in row for row in rows) == 4
