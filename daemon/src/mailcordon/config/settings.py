"""All settings, with amavisd's own names, without sigil and `_maps` (contracts B19, features chapter 5)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from mailcordon.config.av_scanner import AvScanner
from mailcordon.config.bank import PolicyBanksTable
from mailcordon.config.bank_names import BankName
from mailcordon.config.by_category import ByCategory
from mailcordon.config.interfaces import FileMode, GroupName, Interface, SocketPath
from mailcordon.config.lookup_parse import UNDEFINED
from mailcordon.config.message_settings import Count, MessageSettings, Seconds
from mailcordon.config.plugin_source import PluginSource
from mailcordon.config.schema_types import schema_of_one_or_list
from mailcordon.config.sql_clause import SqlClauses
from mailcordon.config.sql_source import SqlSources
from mailcordon.config.type_mappings import ShortType, TypeMapping
from mailcordon.config.types import BannedNames, MetricsAddress, RuleName, SpamScanner

HeaderTest = Literal["mime", "8bit", "control", "empty", "long", "syntax", "missing", "multiple"]
JSON_TO_SYSLOG = "syslog"
JsonTarget = Annotated[str, Field(pattern=rf"^(|{JSON_TO_SYSLOG}|/.+)$")]
SearchPath = Annotated[str, Field(pattern=r"^/[^:]*(:/[^:]*)*$")]
Port = Annotated[int, Field(ge=1, le=65535)]
SCANNER_SHARE = 0.6
"""Of the time that remains for a message, what a scanner may take; then others can still be asked, or the client be
answered (B18.07)."""
OptionalNumber = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | None,
    BeforeValidator(lambda raw: None if raw == UNDEFINED else raw),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"const": UNDEFINED}]}),
]


class Settings(MessageSettings):
    """The validated configuration, frozen. The packaged fragments give every setting its default.

    What stands here holds for the whole daemon; a policy bank may change what stands in `MessageSettings` (B4.08).
    """

    # Identity
    myhostname: str
    """Fully qualified name of this host: EHLO, log, Received (features 5.26)."""
    mydomain: str
    """Domain of this host; the part of `myhostname` after the first dot unless set (B19.05, features 5.25)."""
    myauthservid: str
    """Who we are in Authentication-Results (B9.05); others' fields of that name are removed (B9.01)."""
    localhost_name: str
    """Name for EHLO towards the next hop, and in the Received field (B7.02)."""
    myproduct_name: str
    """Name of the product in log, banner, Received and X-Virus-Scanned fields (B19.05)."""

    # Directories
    MYHOME: Path
    """Base of the directories that follow from it (B19.02, features 5.44)."""
    TEMPBASE: Path
    """Where messages are kept while they are handled; `tmp` below MYHOME unless set (B19.02)."""
    QUARANTINEDIR: Path
    """Where quarantined mail is kept; `virusmails` below MYHOME unless set (B19.02, features 5.46)."""

    path: SearchPath
    """Where programs are searched for, and PATH in their environment: directories, separated by colons (features 5.06).
    """

    # Processes
    max_servers: Count
    """Worker processes; 0 means one for each core."""
    max_messages_per_worker: Annotated[int, Field(ge=1)]
    """Messages that one worker handles at a time; more wait in the MTA."""
    max_bytes_per_worker: Annotated[int, Field(ge=1)]
    """Octets of the messages that one worker handles at a time; a single larger message is handled alone."""
    max_connections_per_worker: Annotated[int, Field(ge=1)]
    """Clients that one worker serves at a time; the one that has been idle for longest makes room for a new one."""
    max_requests: Count
    """Messages after which a worker is replaced by a new one; 0 means never (B18.06)."""
    metrics_listen: MetricsAddress
    """Where Prometheus asks for counters: a unix socket's path, or HOST:PORT; empty for nowhere (features 18.11)."""
    worker_silence_limit: Annotated[int, Field(ge=3)]
    """Seconds without a sign of life after which a worker counts as hung and is replaced."""
    max_decoders: Annotated[int, Field(ge=1)]
    """Processes of one worker that open attachments; they are started when the first attachment comes."""
    decoder_memory_limit: Annotated[int, Field(ge=128 * 1024 * 1024)]
    """Octets of address space for each of these processes, and for each program that it starts (B13.06)."""

    # Listeners
    inet_socket_bind: str
    """Address of the ports; the loopback interface's unless others must reach them (B19.01, features 1.24)."""
    inet_socket_port: Annotated[list[Port], schema_of_one_or_list({"type": "integer", "minimum": 1, "maximum": 65535})]
    """Ports that take SMTP and LMTP; one or a list, empty for none (B19.01)."""
    unix_socketname: Annotated[list[SocketPath], schema_of_one_or_list({"type": "string", "pattern": "^/"})]
    """Unix sockets, beside the ports; `amavisd.sock` below MYHOME unless set, an empty list for none (B1.01, B4.03)."""
    unix_socket_mode: FileMode
    """Who may write to a socket may release or send mail; its group is the daemon's, or that of `unix_socket_group`."""
    unix_socket_group: dict[SocketPath, GroupName]
    """Group of a unix socket, by its path; the daemon's account must be a member. The daemon's own group unless set."""
    smtpd_tls_cert_file: Path
    """Certificate with its chain, PEM; needed once `tls_security_level_in` is not none anywhere (features 13.15)."""
    smtpd_tls_key_file: Path
    """Private key of the certificate, PEM, without a password (features 13.15)."""
    spool_memory_limit: Count
    """Messages up to this many octets are kept in memory, larger ones in a file below TEMPBASE."""

    # Next hop
    smtp_connection_cache_enable: bool
    """Keep the session to the next hop after a message; what it is at first, if it may change (features 13.02)."""
    smtp_connection_cache_on_demand: bool
    """Each worker keeps sessions while mail comes often, and gives them up when it does not (features 13.03)."""
    tls_ca_file_out: str
    """Certificates of authorities, PEM, for `tls_verify_out`; empty means those of the system."""

    # Policy banks
    interface_policy: dict[Interface, BankName]
    """The bank of what comes in at a port, an address with its port, or a unix socket (B4.03)."""
    policy_bank: PolicyBanksTable
    """Named sets of overrides (B4.01)."""

    # Unpacking
    decoders: dict[ShortType, bool]
    """By type of attachment; false: it is not opened. All others are if this host has a decoder (features 5.48)."""
    map_full_type_to_short_type_re: list[TypeMapping]
    """Expression and short types, or one, for what libmagic says of a file; tried before our own table (B12.07)."""
    MAXLEVELS: Annotated[int, Field(ge=1)]
    """Parts, archives and their members inside each other that are opened (B13.03)."""
    MAXFILES: Annotated[int, Field(ge=1)]
    """Parts and members of one message that are looked at (B13.03)."""
    MIN_EXPANSION_QUOTA: Count
    """Octets that may come out of the attachments of any message, however small it is (B13.03)."""
    MAX_EXPANSION_QUOTA: Count
    """Octets that may come out of any message, unless `MIN_EXPANSION_FACTOR` allows more (B13.03)."""
    MIN_EXPANSION_FACTOR: Annotated[int, Field(ge=1)]
    """Times the size of a message that may come out of it, however large it is (B13.03)."""
    MAX_EXPANSION_FACTOR: Annotated[int, Field(ge=1)]
    """Times the size of a message that may come out of it, up to `MAX_EXPANSION_QUOTA` (B13.03)."""

    # Checks
    av_scanners: list[AvScanner]
    """Primary virus scanners, all asked at the same time (B14.01, features 5.27)."""
    av_scanners_backup: list[AvScanner]
    """Scanners that are asked only when every primary one failed (B14.01)."""
    av_scan_timeout: Seconds
    """Seconds that a virus scanner may take for one message (B18.07)."""
    first_infected_stops_scan: bool
    """True: once a scanner has found a virus, what the others have not told yet is not waited for (B14.04)."""
    virus_check_negative_ttl: Annotated[int, Field(ge=0, le=3600)]
    """Seconds for which it is remembered that a body was clean; 0: it is not (B14.07)."""
    virus_check_positive_ttl: Annotated[int, Field(ge=0, le=3600)]
    """Seconds for which it is remembered that a body was infected; 0: it is not (B14.07)."""
    virus_scanners_failure_is_fatal: bool
    """True: no verdict from any scanner means 4xx. False: the mail is UNCHECKED (B14.04)."""
    spam_scanners: list[SpamScanner]
    """Spam scanners; what they find adds up (B14.06)."""
    spam_scan_timeout: Seconds
    """Seconds that a spam scanner may take for one message, all its servers together (B18.07)."""
    spam_scanners_failure_is_fatal: bool
    """True: no score from any scanner means 4xx. False: the mail goes on without a score."""
    sa_mail_body_size_limit: Count
    """Octets; larger messages go to no spam scanner but those with a limit of their own. 0 means no limit."""

    banned_rules: dict[RuleName, BannedNames]
    """Tables of rules by name, for `banned_filename`; `DEFAULT` is the name of `banned_filename_re` (B12.01)."""

    allowed_header_tests: dict[HeaderTest, bool]
    """Faults of the header section that are looked for; those that are not named here are (B5.01)."""

    # Plugins
    plugins: list[PluginSource]
    """Files or modules whose hooks are called, in this order (features 6.09)."""
    plugin_timeout: Seconds
    """For one call of a hook; then the message goes on without it."""
    abuse_report_interval: Seconds
    """After a report by a plugin, nobody is told again about the same party for so long (features 6.11)."""
    abuse_reports_per_hour: Count
    """Reports that plugins may send altogether; 0: none."""

    # Notifications
    l10n_directory: str
    """Directory with the administrator's own templates, in a directory for each language; empty for none (B11.09)."""

    # Quarantine
    quarantine_subdir_levels: Annotated[int, Field(ge=0, le=1)]
    """1: files lie in directories named by the first character of their mail_id. 0: they do not (B10.04)."""
    mail_id_size_bits: Annotated[int, Field(ge=24, le=240, multiple_of=24)]
    """Length of a mail_id (B10.07)."""
    quarantine_retention_days: Count
    """Days after which `mailcordon db purge` and `mailcordon quarantine purge` remove a copy from quarantine; 0: never
    (features 18.20)."""
    quarantine_retention_days_by_ccat: ByCategory[Count]
    """More precise than that: by contents category (B5.03, features 18.20)."""

    # SQL
    storage_sql_dsn: SqlSources
    """Data bases for the mail log and the quarantine: the first that connects is used; none: no log in SQL (B2.26)."""
    lookup_sql_dsn: SqlSources
    """Data bases with the settings of recipients; none: the configuration alone decides (B2.26)."""
    storage_sql_failure: Literal["tempfail", "spool"]
    """Without the data base of the mail log: mail waits, or goes on while its record waits below MYHOME."""
    sql_timeout: Seconds
    """Seconds that a data base may take to connect or to answer; then it counts as dead."""
    sql_allow_8bit_address: bool
    """Addresses are stored as they are, in binary columns; otherwise with `?` for octets that are no printable ASCII,
    in columns of text (B2.14, features 11.23 to 11.26)."""
    sql_quarantine_chunksize_max: Annotated[int, Field(ge=1, le=8 * 1024 * 1024)]
    """Octets of a message in one row of the table `quarantine` (B2.29)."""
    sql_clause: SqlClauses
    """The administrator's own statements in place of ours, by name (B2.25, features 5.49)."""
    lookup_sql_cache_ttl: Count
    """Seconds for which an answer about a recipient serves for other messages, too; 0: it does not (B3.18)."""
    sql_log_retention_days: Count
    """Days after which `mailcordon db purge` removes a message from the mail log, unless a copy of it has to stay in
    quarantine; 0: never (B2.32, features 18.20)."""

    # p0f
    os_fingerprint_timeout: Annotated[float, Field(gt=0, le=5, allow_inf_nan=False)]
    """Seconds that mail waits at most for an answer to `os_fingerprint_method`; then it goes on without (B16.10)."""

    # Pen pals
    penpals_threshold_low: float
    """Mail with a lower score passes in any case, so that nobody looks (B16.01)."""
    penpals_threshold_high: OptionalNumber
    """Mail with a score above this and the bonus is stopped in any case, so that nobody looks; `undef`: there is no
    such score (B16.01)."""
    penpals_timeout: Seconds
    """Seconds that the data base may take to say who has written to whom; then it is not known."""

    # Log
    do_syslog: bool
    """Whether the log goes to syslog, else to `logfile` (features 5.45)."""
    syslog_ident: str
    """Name of the program in syslog; log parsers look for it (B8.01)."""
    syslog_facility: str
    """Facility of syslog (B8.01)."""
    logfile: str
    """Absolute path, used when `do_syslog` is false; empty means standard error."""
    log_level: Annotated[int, Field(ge=-3, le=5)]
    """-3 only what is critical, 0 the usual, 5 everything (features 16.05)."""
    log_json: JsonTarget
    """Where a JSON object for each message goes: nowhere, to syslog, or to a file (B8.09)."""

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, raw: object) -> object:
        return derive(raw) if isinstance(raw, dict) else raw

    @field_validator("myhostname")
    @classmethod
    def _is_qualified(cls, name: str) -> str:
        if "." not in name.strip("."):
            raise ValueError(f"{name!r} has no domain; set myhostname to the host's fully qualified name")
        return name

    @property
    def sql_pending_directory(self) -> Path:
        """Where records wait for the data base."""
        return self.MYHOME / "db" / "pending"

    @property
    def offers_tls(self) -> bool:
        """Whether any listener may need the certificate and its key."""
        banks = (bank.tls_security_level_in for bank in self.policy_bank.values())
        return any(level not in {None, "none"} for level in (self.tls_security_level_in, *banks))

    @property
    def asks_for_fingerprints(self) -> bool:
        """Whether p0f may be asked about any message."""
        methods = (self.os_fingerprint_method, *(bank.os_fingerprint_method for bank in self.policy_bank.values()))
        return any(method is not None and not method.is_off for method in methods)

    @property
    def languages(self) -> list[str]:
        """Every language in which notifications may be written, whatever banks a message is under."""
        banks = (bank.l10n_language for bank in self.policy_bank.values())
        return list(dict.fromkeys(filter(None, (self.l10n_language, *banks))))

    @property
    def shortest_child_timeout(self) -> int:
        """The shortest time that any message may take, whatever banks it is under; seconds."""
        return min(
            [self.child_timeout, *(bank.child_timeout or self.child_timeout for bank in self.policy_bank.values())]
        )

    @property
    def scanner_share(self) -> float:
        """The longest time that a primary scanner may take for any message; seconds."""
        return SCANNER_SHARE * self.shortest_child_timeout

    @property
    def longest_child_timeout(self) -> int:
        """The longest time that any message may take, whatever banks it is under; seconds."""
        return max([self.child_timeout, *(bank.child_timeout or 0 for bank in self.policy_bank.values())])


def derive(values: Mapping[str, Any]) -> dict[str, Any]:
    """Add the settings that follow from others, once all fragments are merged (features 5.24: no ordering trap)."""
    derived = dict(values)
    hostname = derived.get("myhostname")
    if isinstance(hostname, str):
        derived.setdefault("mydomain", hostname.partition(".")[2] or hostname)
        derived.setdefault("myauthservid", hostname)
        for reader in ("sender", "admin", "recip", "spamadmin", "release", "report"):
            derived.setdefault(f"hdrfrom_notify_{reader}", f'"Content-filter at {hostname}" <postmaster@{hostname}>')
    domain = derived.get("mydomain")
    if isinstance(domain, str):
        derived.setdefault("local_domains", [f".{domain}"])
        derived.setdefault("X_HEADER_LINE", f"{derived.get('myproduct_name')} at {domain}")
    home = derived.get("MYHOME")
    if isinstance(home, str):
        derived.setdefault("TEMPBASE", f"{home}/tmp")  # noqa: S108 - our own directory, not the system's
        derived.setdefault("QUARANTINEDIR", f"{home}/virusmails")
        derived.setdefault("unix_socketname", [f"{home}/amavisd.sock"])
        derived.setdefault("smtpd_tls_cert_file", f"{home}/cert/amavisd-cert.pem")
        derived.setdefault("smtpd_tls_key_file", f"{home}/cert/amavisd-key.pem")
    for name, single in (("inet_socket_port", int), ("unix_socketname", str)):
        if isinstance(derived.get(name), single):
            derived[name] = [derived[name]]
    return derived
