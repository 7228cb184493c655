"""All settings, with amavisd's own names, without sigil and `_maps` (contracts B19, features chapter 5)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mailcordon.config.types import (
    AvScanner,
    BoolLookup,
    DeliveryMethod,
    DestinyWord,
    Networks,
    NumberLookup,
    QuarantineMethod,
    SpamScanner,
    TextLookup,
)

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]


class Settings(BaseModel):
    """The validated configuration, frozen. The packaged fragments give every setting its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    # Identity
    myhostname: str
    """Fully qualified name of this host: EHLO, log, Received (features 5.26)."""
    mydomain: str
    localhost_name: str
    """Name for EHLO towards the next hop, and in the Received field (B7.02)."""
    myproduct_name: str
    X_HEADER_TAG: str
    X_HEADER_LINE: str

    # Directories
    MYHOME: Path
    TEMPBASE: Path
    QUARANTINEDIR: Path

    # Processes
    max_servers: Count
    """Worker processes; 0 means one for each core."""
    max_messages_per_worker: Annotated[int, Field(ge=1)]
    """Messages that one worker handles at a time; more wait in the MTA."""
    child_timeout: Seconds
    """Time for one message, from its reception on."""
    smtpd_timeout: Seconds
    """A client silent for this long is dropped."""

    # Listeners
    inet_socket_bind: str
    inet_socket_port: list[Port]
    inet_acl: Networks
    smtpd_recipient_limit: Annotated[int, Field(ge=1)]
    smtpd_message_size_limit: Count
    """Octets; 0 means no limit. Values below 64 KiB are raised to it (B6.06)."""
    spool_memory_limit: Count
    """Messages up to this many octets are kept in memory, larger ones in a file below TEMPBASE."""

    # Next hop
    forward_method: DeliveryMethod
    notify_method: DeliveryMethod
    smtp_connection_cache_enable: bool

    # Who is local
    local_domains: BoolLookup
    mynetworks: Networks
    recipient_delimiter: str

    # Checks
    bypass_virus_checks: BoolLookup
    bypass_spam_checks: BoolLookup
    av_scanners: list[AvScanner]
    av_scanners_backup: list[AvScanner]
    av_scan_timeout: Seconds
    virus_scanners_failure_is_fatal: bool
    """True: no verdict from any scanner means 4xx. False: the mail is UNCHECKED (B14.04)."""
    spam_scanners: list[SpamScanner]
    spam_scan_timeout: Seconds
    spam_scanners_failure_is_fatal: bool
    sa_mail_body_size_limit: Count
    """Octets; larger messages are not given to the spam scanner. 0 means no limit."""

    # Judgement
    virus_lovers: BoolLookup
    spam_lovers: BoolLookup
    unchecked_lovers: BoolLookup
    final_virus_destiny: DestinyWord
    final_banned_destiny: DestinyWord
    final_unchecked_destiny: DestinyWord
    final_spam_destiny: DestinyWord
    final_bad_header_destiny: DestinyWord
    spam_tag_level: NumberLookup
    spam_tag2_level: NumberLookup
    spam_kill_level: NumberLookup
    spam_subject_tag2: TextLookup
    spam_dsn_cutoff_level: NumberLookup

    # Quarantine
    virus_quarantine_method: QuarantineMethod
    banned_quarantine_method: QuarantineMethod
    spam_quarantine_method: QuarantineMethod
    bad_header_quarantine_method: QuarantineMethod
    unchecked_quarantine_method: QuarantineMethod
    """`local:` and a file name template (B10.03); empty means no quarantine."""
    virus_quarantine_to: TextLookup
    banned_quarantine_to: TextLookup
    spam_quarantine_to: TextLookup
    bad_header_quarantine_to: TextLookup
    unchecked_quarantine_to: TextLookup
    quarantine_subdir_levels: Annotated[int, Field(ge=0, le=1)]
    mail_id_size_bits: Annotated[int, Field(ge=24, le=240, multiple_of=24)]

    # Log
    do_syslog: bool
    syslog_ident: str
    syslog_facility: str
    logfile: str
    """Absolute path, used when `do_syslog` is false; empty means standard error."""
    log_level: Annotated[int, Field(ge=-3, le=5)]

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
    def message_size_limit(self) -> int:
        """The size limit in force, octets; 0 for none (B6.06)."""
        return max(self.smtpd_message_size_limit, 64 * 1024) if self.smtpd_message_size_limit else 0


def derive(values: Mapping[str, Any]) -> dict[str, Any]:
    """Add the settings that follow from others, once all fragments are merged (features 5.24: no ordering trap)."""
    derived = dict(values)
    hostname = derived.get("myhostname")
    if isinstance(hostname, str):
        derived.setdefault("mydomain", hostname.partition(".")[2] or hostname)
    domain = derived.get("mydomain")
    if isinstance(domain, str):
        derived.setdefault("local_domains", [f".{domain}"])
        derived.setdefault("X_HEADER_LINE", f"{derived.get('myproduct_name')} at {domain}")
    home = derived.get("MYHOME")
    if isinstance(home, str):
        derived.setdefault("TEMPBASE", f"{home}/tmp")  # noqa: S108 - our own directory, not the system's
        derived.setdefault("QUARANTINEDIR", f"{home}/virusmails")
    if isinstance(derived.get("inet_socket_port"), int):
        derived["inet_socket_port"] = [derived["inet_socket_port"]]
    return derived
