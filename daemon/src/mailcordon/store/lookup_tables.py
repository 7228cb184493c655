"""The tables of recipients and their policies, which the daemon only reads (contracts B2.01 to B2.05)."""

from dataclasses import dataclass

from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, text

from mailcordon.store import column_types as kinds
from mailcordon.store.column_types import TABLE_OPTIONS

YES_NO = (
    "virus_lover",
    "spam_lover",
    "unchecked_lover",
    "banned_files_lover",
    "bad_header_lover",
    "bypass_virus_checks",
    "bypass_spam_checks",
    "bypass_banned_checks",
    "bypass_header_checks",
    "warnvirusrecip",
    "warnbannedrecip",
    "warnbadhrecip",
)
TEXTS = (
    "virus_quarantine_to",
    "spam_quarantine_to",
    "banned_quarantine_to",
    "unchecked_quarantine_to",
    "bad_header_quarantine_to",
    "clean_quarantine_to",
    "archive_quarantine_to",
    "addr_extension_virus",
    "addr_extension_spam",
    "addr_extension_banned",
    "addr_extension_bad_header",
    "newvirus_admin",
    "virus_admin",
    "banned_admin",
    "bad_header_admin",
    "spam_admin",
    "spam_subject_tag",
    "spam_subject_tag2",
    "spam_subject_tag3",
    "banned_rulenames",
    "disclaimer_options",
    "forward_method",
    "sa_userconf",
    "sa_username",
)
SCORES = (
    "spam_tag_level",
    "spam_tag2_level",
    "spam_tag3_level",
    "spam_kill_level",
    "spam_dsn_cutoff_level",
    "spam_quarantine_cutoff_level",
)


@dataclass(frozen=True, slots=True)
class LookupTables:
    """All four, in the order in which they refer to each other."""

    metadata: MetaData
    policy: Table
    users: Table
    mailaddr: Table
    wblist: Table

    @property
    def all(self) -> tuple[Table, ...]:
        """In that order."""
        return self.policy, self.users, self.mailaddr, self.wblist


def lookup_tables(*, allow_8bit: bool = True) -> LookupTables:
    """The tables as they are created; `allow_8bit`: addresses are octets."""
    metadata = MetaData()
    options = {**TABLE_OPTIONS, "sqlite_autoincrement": True}

    def identity() -> Column[int]:
        return Column("id", kinds.unsigned(), primary_key=True, autoincrement=True)

    def email() -> Column[bytes]:
        return Column("email", kinds.address(allow_8bit=allow_8bit), nullable=False, unique=True)

    policy = Table(
        "policy",
        metadata,
        identity(),
        Column("policy_name", String(32)),
        *(Column(name, kinds.code()) for name in YES_NO),
        *(Column(name, kinds.text(64)) for name in TEXTS),
        *(Column(name, kinds.score()) for name in SCORES),
        Column("message_size_limit", Integer),
        **options,
    )
    users = Table(
        "users",
        metadata,
        identity(),
        Column("priority", Integer, nullable=False, server_default=text("7")),
        Column("policy_id", kinds.unsigned(), nullable=False, server_default=text("1")),
        email(),
        Column("fullname", kinds.text(255)),
        **options,
    )
    mailaddr = Table(
        "mailaddr",
        metadata,
        identity(),
        Column("priority", Integer, nullable=False, server_default=text("9")),
        email(),
        **options,
    )
    wblist = Table(
        "wblist",
        metadata,
        Column("rid", kinds.unsigned(), ForeignKey("users.id"), primary_key=True, autoincrement=False),
        Column("sid", kinds.unsigned(), ForeignKey("mailaddr.id"), primary_key=True, autoincrement=False),
        Column("wb", String(10), nullable=False),
        **TABLE_OPTIONS,
    )
    return LookupTables(metadata, policy, users, mailaddr, wblist)
