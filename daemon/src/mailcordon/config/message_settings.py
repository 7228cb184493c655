"""The settings that may differ from message to message: each of them may stand in a policy bank (B4.07)."""

from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema

from mailcordon.config.banner import Banner
from mailcordon.config.by_category import ByCategory
from mailcordon.config.log_template import MainTemplate, RecipientTemplate
from mailcordon.config.reason_text import ReasonText
from mailcordon.config.types import (
    AuthorText,
    BankLookup,
    BannedLookup,
    BannedNames,
    BannedPaths,
    BoolLookup,
    BoolLookups,
    ClientBank,
    Delivery,
    DestinyWord,
    NetworkTables,
    NumberLookup,
    NumberLookups,
    OptionalAddress,
    OptionalDelivery,
    OptionalFingerprint,
    QuarantineMethod,
    SecretLookup,
    TextLookup,
    TlsLevel,
)

T = TypeVar("T")

Seconds = Annotated[int, Field(ge=1)]
Points = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
_TAG = r"^([A-Za-z0-9_-]|%[GgVYymdjUWuwHaAbB]){1,20}$"
PartitionTag = Annotated[
    str,
    BeforeValidator(str),
    Field(pattern=_TAG),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": _TAG}]}),
]
Protocol = Literal["SMTP", "LMTP", "AM.PDP"]
ReleaseFormat = Literal["resend", "attach", "plain"]
ReportFormat = Literal["arf", "attach", "plain", "resend"]
SaslMechanism = Literal["PLAIN", "LOGIN"]
BareNewlinePolicy = Literal["no", "reject", "normalize"]
"""`no`: kept as it is. `reject`: refused. `normalize`: a bare LF becomes a CR LF, a bare CR stays."""
Keyword = Annotated[str, StringConstraints(to_upper=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]

LEAST_SIZE_LIMIT = 64 * 1024
"""Octets; size limits below it are raised to it (B6.06)."""


def size_limit(wanted: float | None) -> int:
    """The limit that is in force where `wanted` is configured, octets; 0 for none."""
    return max(int(wanted), LEAST_SIZE_LIMIT) if wanted else 0


class MessageSettings(BaseModel):
    """Members of policy banks. A new one needs its line here, a docstring - it is the description in
    docs/settings.md and in the schema - and a default in a packaged fragment, nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, use_attribute_docstrings=True)

    protocol: Protocol
    """What is spoken at a port or socket, by the bank of the interface; SMTP and LMTP mean the same (B1.01)."""
    originating: bool
    """The mail comes from our own side: our network, or an authenticated user (features 10.09)."""

    # Reception. The client's own bank comes too late for inet_acl and smtpd_timeout: that of the interface decides.
    inet_acl: NetworkTables
    """Clients that may connect to the ports; a bank's own list serves at the interface that it holds for (B19.04)."""
    haproxy_target_enabled: bool
    """Clients are load balancers that begin with a PROXY header; who does not is dropped (B6.11)."""
    smtpd_timeout: Seconds
    """Seconds; a client silent for this long is dropped."""
    tls_security_level_in: TlsLevel
    """Whether STARTTLS is offered, or demanded before any mail (B6.10)."""
    auth_mech_avail: list[SaslMechanism]
    """What AUTH offers; nothing, and AUTH is not offered (B6.02)."""
    auth_required_inp: bool
    """Without AUTH a client may not send mail (B6.05)."""
    auth_users: SecretLookup
    """Hashes of passwords, as `mailcordon password` makes them, by name of the user."""
    smtpd_tls_auth_only: bool
    """AUTH is offered on encrypted connections only."""
    smtpd_greeting_banner: Banner
    """The text after 220 (B6.01)."""
    smtpd_quit_banner: Banner
    """The text after 221 (B6.01)."""
    smtpd_discard_ehlo_keywords: Annotated[frozenset[Keyword], PlainSerializer(sorted)]
    """Upper-case keywords that EHLO and LHLO do not offer (B6.02)."""
    smtpd_hard_error_limit: Annotated[int, Field(ge=1)]
    """Protocol errors since the last accepted message after which a session is ended (B6.15, B21.14)."""
    smtpd_forbid_bare_newline: BareNewlinePolicy
    """What becomes of a message with a CR or LF that is not part of a CR LF (B6.12)."""
    smtpd_recipient_limit: Annotated[int, Field(ge=1)]
    """Recipients of one message; more get a 452 (B6.05)."""
    smtpd_message_size_limit: Count
    """Octets; 0 means no limit. Values below 64 KiB are raised to it (B6.06)."""
    message_size_limit: NumberLookup
    """The same for single recipients: larger mail is OVERSIZED for them."""
    child_timeout: Seconds
    """Seconds for one message, from its reception on (B18.07)."""

    # Next hop
    forward_method: Delivery
    """Where mail that passes goes on to; several in a list are tried in order (B7.01)."""
    notify_method: Delivery
    """Where mail of our own goes to: notifications, and quarantine copies to an address (B7.01)."""
    always_bcc: OptionalAddress
    """Gets a blind copy of every message that passes or is released; empty: nobody does."""
    tls_security_level_out: TlsLevel
    """Whether mail goes on encrypted (features 13.10)."""
    tls_verify_out: bool
    """Send only to hops whose certificate is for their name, and from an authority in `tls_ca_file_out`."""
    propagate_dsn_if_possible: bool
    """A hop that offers DSN gets RET, ENVID, NOTIFY and ORCPT (B7.08)."""
    terminate_dsn_on_notify_success: bool
    """The hop does not hear of NOTIFY=SUCCESS: what is beyond it is nobody's business outside (B7.08)."""

    # Who is who
    local_domains: BoolLookup
    """Recipients on our side: they get tags, address extensions and fields (features 5.24)."""
    mynetworks: NetworkTables
    """Networks of our own: mail from there is originating, and the bank MYNETS holds for it (B4.03, B19.04)."""
    recipient_delimiter: str
    """The characters of which each may separate an address extension; empty: addresses have none (B3.04)."""
    localpart_is_case_sensitive: bool
    """Whether local parts of addresses differ by case in lookups (B3.04)."""

    sql_lookups_no_at_means_domain: bool
    """Keys of recipients in SQL without `@` are domains, and a local part ends in `@` (B3.15)."""

    # Policy banks by what is known of the mail
    client_ipaddr_policy: list[ClientBank]
    """Banks by the network of the client; the first that holds it decides, `mynetworks` comes last (B4.03)."""
    author_to_policy_bank: BankLookup
    """Banks by author, for mail with a valid signature (B4.05, features 10.02)."""
    dkim_minimum_key_bits: Count
    """Signatures of shorter keys prove nothing (B4.05)."""
    virus_name_to_policy_bank: BankLookup
    """Banks by what a virus scanner has found (B14.05)."""
    virus_name_to_spam_score: NumberLookup
    """Points by what a virus scanner has found: such mail is no virus but more or less spam (B14.05)."""

    # Checks
    bypass_decode_parts: bool
    """The parts of the mail are not looked at one by one (features 10.06)."""
    keep_decoded_original: BoolLookup
    """By libmagic's description of what was opened: true, and it is scanned as a whole, too (B13.02)."""
    bypass_virus_checks: BoolLookup
    """True: mail is not scanned for viruses on behalf of this recipient (features 5.28)."""
    bypass_spam_checks: BoolLookup
    """True: mail is not scored on behalf of this recipient (features 5.29)."""
    sa_username: TextLookup
    """Whose preferences SpamAssassin applies on behalf of this recipient; empty: those for everybody (B14.06)."""
    bypass_banned_checks: BoolLookup
    """True: parts of mail are not compared with the rules of banned names on behalf of this recipient."""
    bypass_header_checks: BoolLookup
    """True: the header section is not checked on behalf of this recipient."""
    banned_filename_re: BannedNames
    """Rules about names and types of parts, in order; the table of the name `DEFAULT` (B12.01, B12.05)."""
    banned_filename: BannedLookup
    """The rules that hold for this recipient: names of tables, or tables; all that is found counts (B12.01)."""
    banned_namepath_re: BannedPaths
    """Rules about the attributes of a part and of all that it is inside of, where the others are silent (B12.03)."""

    os_fingerprint_method: OptionalFingerprint
    """Whom to ask what system the client runs: `p0f:HOST:PORT`, p0f-analyzer; `p0f:/PATH`, the socket of p0f version 3;
    empty: nobody. `*` as host is that of the MTA (B16.10, features 15.08)."""

    # Judgement
    virus_lovers: BoolLookup
    """True: this recipient gets infected mail (B5.03)."""
    spam_lovers: BoolLookup
    """True: this recipient gets spam, tagged (B5.03)."""
    unchecked_lovers: BoolLookup
    """True: this recipient gets mail that could not be checked, whatever its destiny (B5.03)."""
    banned_files_lovers: BoolLookup
    """True: this recipient gets banned files (B5.03)."""
    bad_header_lovers: BoolLookup
    """True: this recipient gets mail with a bad header section, whatever its destiny (B5.03)."""
    lovers_by_ccat: ByCategory[BoolLookup]
    """More precise than the lovers above: by contents category (B5.03)."""
    final_virus_destiny: DestinyWord
    """What becomes of infected mail: pass, discard, reject, bounce or tempfail (B5.05, features 5.32)."""
    final_banned_destiny: DestinyWord
    """What becomes of mail with a banned part (B5.05, features 5.33)."""
    final_unchecked_destiny: DestinyWord
    """What becomes of mail that could not be checked (B5.05)."""
    final_spam_destiny: DestinyWord
    """What becomes of spam, mail from `spam_kill_level` on (B5.05, features 5.34)."""
    final_bad_header_destiny: DestinyWord
    """What becomes of mail with a bad header section (B5.05, features 5.35)."""
    final_destiny_by_ccat: ByCategory[DestinyWord]
    """More precise than the destinies above: also by minor category, and for the rest (B5.03, B5.06)."""
    smtp_reason_by_ccat: ByCategory[ReasonText]
    """The reason in the reply by the category that blocks, else by the highest one (B5.11)."""
    soft_bounce: bool
    """What would be refused for good is refused for the time being (B5.08)."""
    spam_tag_level: NumberLookup
    """Score from which on mail gets the X-Spam fields (B5.04, B19.03)."""
    spam_tag2_level: NumberLookup
    """Score from which on mail is marked as spam (B5.04, B19.03)."""
    spam_tag3_level: NumberLookup
    """Score from which on mail is marked as spam once more (B5.04)."""
    spam_kill_level: NumberLookup
    """Score from which on `final_spam_destiny` decides (B5.04, B19.03)."""
    spam_quarantine_cutoff_level: NumberLookup
    """Spam with this score or more is not kept in quarantine (B10.02)."""

    # Notifications
    spam_dsn_cutoff_level: NumberLookup
    """Score from which on no sender is told about blocked mail (B11.03, B19.03)."""
    spam_dsn_cutoff_level_bysender: NumberLookup
    """Scores from which on the sender is not told that his mail was blocked, by recipient and by sender (B11.02)."""
    spam_crediblefrom_dsn_cutoff_level: NumberLookup
    """Score from which on a credible sender is not told (features 14.01, 14.02)."""
    spam_crediblefrom_dsn_cutoff_level_bysender: NumberLookup
    """The same for a credible sender (features 14.01, 14.02)."""
    viruses_that_fake_sender: BoolLookup
    """By name of a virus: the sender of such mail is not told."""
    warnbannedsender: bool
    """A credible sender is told of a banned part, though the mail be discarded or delivered (B5.07, features 5.36)."""
    warnbadhsender: bool
    """The same for a bad header section (B5.07, features 5.36)."""
    warnvirusrecip: BoolLookup
    """True: this recipient is told of infected mail that was blocked (B11.07)."""
    warnbannedrecip: BoolLookup
    """True: this recipient is told of mail with a banned part that was blocked (B11.07)."""
    warnbadhrecip: BoolLookup
    """True: this recipient is told of mail with a bad header section that was blocked (B11.07)."""
    warnrecip_by_ccat: ByCategory[BoolLookup]
    """More precise than the three above: by contents category (B5.03)."""
    warn_offsite: bool
    """Recipients that are not local are warned, too (B11.07)."""
    virus_admin: TextLookup
    """Whom to tell of infected mail, by recipient; empty: nobody (B11.06, features 5.37)."""
    newvirus_admin: TextLookup
    """Told only of viruses that were not seen since the start (B11.06)."""
    banned_admin: TextLookup
    """Whom to tell of mail with a banned part, by recipient; empty: nobody (B11.06)."""
    spam_admin: TextLookup
    """Whom to tell of spam, by recipient; empty: nobody (B11.06, features 5.37)."""
    bad_header_admin: TextLookup
    """Whom to tell of mail with a bad header section, by recipient; empty: nobody (B11.06)."""
    admin_by_ccat: ByCategory[TextLookup]
    """More precise than the four above: by contents category (B5.03)."""
    mailfrom_notify_admin: OptionalAddress
    """Envelope sender of notices to administrators; empty: the null sender (B11.06)."""
    mailfrom_notify_recip: OptionalAddress
    """Envelope sender of notices to recipients; empty: the null sender (B11.06)."""
    mailfrom_notify_spamadmin: OptionalAddress
    """Envelope sender of notices about spam to administrators; empty: the null sender (B11.06)."""
    hdrfrom_notify_sender: AuthorText
    """From of notices to senders (B11.06)."""
    hdrfrom_notify_admin: AuthorText
    """From of notices to administrators (B11.06)."""
    hdrfrom_notify_recip: AuthorText
    """From of notices to recipients (B11.06)."""
    hdrfrom_notify_spamadmin: AuthorText
    """From of notices about spam to administrators (B11.06)."""
    hdrfrom_notify_release: AuthorText
    """From of messages with which released mail is sent (features 12.24)."""
    hdrfrom_notify_release_by_ccat: ByCategory[AuthorText]
    """More precise: by contents category (features 12.24)."""
    hdrfrom_notify_report: AuthorText
    """From of reports (B11.08)."""
    hdrfrom_notify_report_by_ccat: ByCategory[AuthorText]
    """More precise: by contents category (features 12.24)."""
    dsn_bcc: OptionalAddress
    """Gets a copy of each delivery status notification (B11.04); empty for nobody."""
    l10n_language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]+)*$")]
    """Language of notifications: name of a directory with templates (B11.09)."""

    # Senders
    whitelist_sender: BoolLookup
    """Senders whose mail is no spam, whatever its score; an address proves nothing (B3.21, features 5.31)."""
    blacklist_sender: BoolLookup
    """Senders whose mail is spam, whatever its score (B3.21)."""
    per_recip_whitelist_sender_lookup_tables: BoolLookups
    """White lists by recipient, then by sender (B3.21)."""
    per_recip_blacklist_sender_lookup_tables: BoolLookups
    """Black lists by recipient, then by sender (B3.21)."""
    score_sender: NumberLookups
    """Points by recipient, then by sender; all entries for the recipient add up (B3.22)."""

    # Pen pals and bounces
    penpals_bonus_score: Points
    """Points that mail is better for if the recipient has just written to its sender; 0: nobody looks (B16.01, B16.02).
    """
    penpals_halflife: Seconds
    """Seconds after which half of that is left (B16.02)."""
    bounce_killer_score: Points
    """Points for bounces of mail that was not sent from here; 0: nobody looks (B16.06, features 11.33)."""

    # Subject and address of delivered mail
    spam_subject_tag: TextLookup
    """Put before the subject from `spam_tag_level` on (B9.03)."""
    spam_subject_tag2: TextLookup
    """Put before the subject from `spam_tag2_level` on (B9.03, B19.03)."""
    spam_subject_tag3: TextLookup
    """Put before the subject from `spam_tag3_level` on (B9.03)."""
    undecipherable_subject_tag: TextLookup
    """Put before the subject of mail that could not be checked (B9.03)."""
    subject_tag_by_ccat: ByCategory[TextLookup]
    """More precise than the tags above: by contents category (B5.03)."""
    addr_extension_virus: TextLookup
    """Extension that the recipient's address gets with infected mail (B9.10)."""
    addr_extension_banned: TextLookup
    """Extension that the recipient's address gets with banned parts (B9.10)."""
    addr_extension_spam: TextLookup
    """Extension that the recipient's address gets with spam (B9.10)."""
    addr_extension_bad_header: TextLookup
    """Extension that the recipient's address gets with a bad header section (B9.10)."""
    addr_extension_by_ccat: ByCategory[TextLookup]
    """More precise than the extensions above: by contents category (B5.03)."""
    replace_existing_extension: bool
    """Whether an extension replaces the one that the address has, or follows it (B9.10)."""

    # Header
    X_HEADER_TAG: str
    """Name of the field that says who scanned the mail; empty: no such field (B9.02)."""
    X_HEADER_LINE: str
    """Text of that field; `myproduct_name` at `mydomain` unless set (B9.02, B19.05)."""
    sa_spam_level_char: Annotated[str, Field(pattern=r"^[!-~]?$")]
    """One character for each point in X-Spam-Level; empty: no such field."""
    remove_existing_spam_headers: BoolLookup
    """Whether X-Spam fields that others have written are removed (B9.01)."""
    remove_existing_x_scanned_headers: BoolLookup
    """Whether X-Virus-Scanned fields that others have written are removed (B9.01)."""
    allow_fixing_improper_header: bool
    """Whether a header section may be mended at all: what is mended breaks signatures that cover it (B9.07)."""
    allow_fixing_improper_header_folding: bool
    """Folded lines of white space only are removed."""
    allow_fixing_long_header_lines: bool
    """Lines are cut at 998 octets."""
    prepend_header_fields_hdridx: Count
    """Where a milter is told to insert new fields: 0 is above all others (B1.20)."""
    allowed_added_header_fields: dict[str, bool]
    """By name of a field: false keeps it out of delivered mail; fields that are not named here are added (B9.04)."""

    # Quarantine
    virus_quarantine_method: QuarantineMethod
    """`local:` and a file name below QUARANTINEDIR, or `sql:`, for infected mail; empty: not kept (B10.01, B10.03)."""
    banned_quarantine_method: QuarantineMethod
    """The same for mail with a banned part (B10.01)."""
    spam_quarantine_method: QuarantineMethod
    """The same for spam (B10.01)."""
    bad_header_quarantine_method: QuarantineMethod
    """The same for mail with a bad header section (B10.01)."""
    unchecked_quarantine_method: QuarantineMethod
    """The same for mail that could not be checked (B10.01)."""
    clean_quarantine_method: QuarantineMethod
    """The same for clean mail (B10.01)."""
    archive_quarantine_method: QuarantineMethod
    """`local:` and a file name template (B10.03); empty means no quarantine. An archive keeps every message."""
    virus_quarantine_to: TextLookup
    """A name, or an address to send infected mail to; empty: not kept (B10.02)."""
    banned_quarantine_to: TextLookup
    """The same for mail with a banned part (B10.02)."""
    spam_quarantine_to: TextLookup
    """The same for spam (B10.02)."""
    bad_header_quarantine_to: TextLookup
    """The same for mail with a bad header section (B10.02)."""
    unchecked_quarantine_to: TextLookup
    """The same for mail that could not be checked (B10.02)."""
    clean_quarantine_to: TextLookup
    """The same for clean mail (B10.02)."""
    archive_quarantine_to: TextLookup
    """The same for the copies of every message (B10.02)."""
    spam_quarantine_bysender_to: TextLookup
    """By envelope sender; what is found takes the place of `spam_quarantine_to` (B10.02)."""
    partition_tag: PartitionTag
    """Stands with a message wherever it is kept or told of; `0` is none. `%V` is the ISO week of its reception, with
    two digits; other letters are those of strftime (features 11.02, 11.04)."""
    sql_store_info_for_all_msgs: bool
    """Whether the mail log in SQL holds all messages, or only those that are in quarantine (B2.27)."""
    quarantine_method_by_ccat: ByCategory[QuarantineMethod]
    """More precise than the methods above: by contents category (B5.03)."""
    quarantine_to_by_ccat: ByCategory[TextLookup]
    """More precise than the names above: by contents category (B5.03)."""

    # Release from quarantine
    auth_required_release: bool
    """A request to release a mail must name its `secret_id` (B1.25)."""
    release_only: bool
    """True: AM.PDP takes no other requests than to release or requeue a mail, to those for whom it was. For sockets of
    accounts that may not read the quarantine (B1.24)."""
    release_format: ReleaseFormat
    """How released mail is sent: as it came, attached, or within a text (B1.33, features 12.16)."""
    report_format: ReportFormat
    """How a mail is reported: in the Abuse Reporting Format, or as `release_format` has it (B1.33, features 12.17)."""
    release_method: OptionalDelivery
    """Where released mail and reports go to; empty: `notify_method` (B1.34)."""
    requeue_method: Delivery
    """Where mail goes to that is to be checked once more (B1.34)."""

    # Log
    log_templ: MainTemplate
    """The main log entry: `short`, `verbose`, a template, or empty for none (B8.07)."""
    log_recip_templ: RecipientTemplate
    """An entry for each recipient: empty for none, `short`, or a template (B8.06)."""

    @property
    def size_limit_for_all(self) -> int:
        """The size limit in force whoever the recipients are, octets; 0 for none (B6.06)."""
        return size_limit(self.smtpd_message_size_limit)

    @cached_property
    def made(self) -> dict[Callable[[Any], Any], Any]:
        """What `once` keeps."""
        return {}

    def once(self, make: Callable[[Self], T]) -> T:
        """What `make` makes of these settings; it is made once and kept as long as they are."""
        if make not in self.made:
            self.made[make] = make(self)
        made: T = self.made[make]
        return made

    def __copy__(self) -> Self:
        """A copy, which is about to be changed: what was made of the original does not hold for it."""
        copied = super().__copy__()
        copied.__dict__.pop("made", None)
        return copied
