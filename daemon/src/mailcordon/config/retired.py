"""Names of amavisd's that are accepted in fragments, with a warning that says what holds instead (contract B19.06)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mailcordon.config.toml_lines import Key

RENAMED: Mapping[str, str] = {
    "DO_SYSLOG": "do_syslog",
    "LOGFILE": "logfile",
    "final_destiny_maps_by_ccat": "final_destiny_by_ccat",
    "sql_partition_tag": "partition_tag",
}
"""Old names of settings, and what they are called now: the value holds (features 5.45)."""

RETIRED: Mapping[str, str] = {
    "append_header_fields_to_bottom": "new header fields always go on top of the others",
    "insert_received_line": "a Received field is always added",
    "relayhost_is_client": 'write forward_method = "smtp:*:*" to send mail back to the client that brought it',
    "warnvirussender": "senders of viruses are never told; nearly all of them are forged",
    "warnspamsender": "senders of spam are told where final_spam_destiny is bounce, below spam_dsn_cutoff_level",
    "sa_spam_report_header": "allowed_added_header_fields says which fields are added",
    "sa_spam_modifies_subj": "the subject is changed where spam_subject_tag2 and its like are not empty",
    "sa_auto_whitelist": "SpamAssassin's own configuration says whether it keeps a list of senders",
    "sa_timeout": "spam_scan_timeout is the time that a spam scanner may take",
    "sa_local_tests_only": "spamd's option --local says whether SpamAssassin asks the network",
    "sa_configpath": "spamd's option --configpath says where its rules are",
    "sa_siteconfigpath": "spamd's option --siteconfigpath says where the site's rules are",
    "sa_userprefs_file": "spamd reads preferences by the name of the user, see sa_username",
    "sa_userconf": "spamd reads preferences by the name of the user, see sa_username",
    "sa_debug": "spamd's option --debug says of what its log tells more",
    "helpers_home": "spamd's option --helper-home-dir says where its helpers keep their files",
    "syslog_priority": "log_level says what is logged, and each entry has a priority of its own",
    "SYSLOG_LEVEL": "syslog_facility is where the log goes, and each entry has a priority of its own",
    "notify_xmailer_header": "notifications carry no X-Mailer field",
    **dict.fromkeys(
        (
            *("defang_by_ccat", "defang_all", "defang_virus", "defang_banned"),
            *("defang_spam", "defang_bad_header", "defang_undecipherable"),
        ),
        "the body of a mail is never changed",
    ),
    "os_fingerprint_dst_ip_and_port": "p0f version 3 is asked for the client's address alone",
    "pid_file": "systemd, or whoever starts the daemon, knows the process; no file is written",
    "sql_schema_version": "mailcordon db upgrade gives older tables their present form",
    "timestamp_fmt_mysql": "the type of the column time_iso says how times are written",
    "lock_file": "no file is locked; a second daemon cannot listen on the same ports",
}
"""Names that mean nothing any more, and what holds instead (features 5.42, 5.43)."""


@dataclass(frozen=True, slots=True)
class OldName:
    """An old name that a fragment uses."""

    key: Key
    present: Key | None
    """The key whose value it is now; None for a name that means nothing any more."""
    remark: str


def replace_old_names(tree: dict[str, Any]) -> Iterator[OldName]:
    """Take the old names out of what stands in a fragment, and out of the policy banks in it."""
    yield from _replace_in(tree, ())
    banks = tree.get("policy_bank")
    for name, bank in banks.items() if isinstance(banks, dict) else ():
        if isinstance(bank, dict):
            yield from _replace_in(bank, ("policy_bank", name))


def _replace_in(table: dict[str, Any], prefix: Key) -> Iterator[OldName]:
    for name in [name for name in table if name in RENAMED or name in RETIRED]:
        key, value = (*prefix, name), table.pop(name)
        if name in RETIRED:
            yield OldName(key, None, f"has no meaning any more: {RETIRED[name]}")
        elif RENAMED[name] in table:
            yield OldName(key, None, f"has no effect: it is called {RENAMED[name]} now, which is set, too")
        else:
            table[RENAMED[name]] = value
            yield OldName(key, (*prefix, RENAMED[name]), f"is called {RENAMED[name]} now")
