"""The tables of the mail log and the quarantine (contracts B2.06 to B2.14)."""

from dataclasses import dataclass

from sqlalchemy import Column, Index, Integer, MetaData, Table, UniqueConstraint, text

from mailcordon.store import column_types as kinds
from mailcordon.store.column_types import TABLE_OPTIONS


@dataclass(frozen=True, slots=True)
class LogTables:
    """All four, in the order in which they are written: references go to what stands before."""

    metadata: MetaData
    maddr: Table
    msgs: Table
    msgrcpt: Table
    quarantine: Table

    @property
    def all(self) -> tuple[Table, ...]:
        """In that order."""
        return self.maddr, self.msgs, self.msgrcpt, self.quarantine


PARTITIONED_BY_TAG = {"postgresql_partition_by": "LIST (partition_tag)"}


def log_tables(*, allow_8bit: bool = True, partitioned: bool = False) -> LogTables:
    """The tables as they are created. `allow_8bit`: addresses are octets. `partitioned`: PostgreSQL's native partitions
    by tag, of which the primary key of `maddr` has to hold the tag, too."""
    metadata = MetaData()
    options = {**TABLE_OPTIONS, "sqlite_autoincrement": True, **(PARTITIONED_BY_TAG if partitioned else {})}

    def tag() -> Column[int]:
        return Column("partition_tag", Integer, primary_key=True, autoincrement=False, server_default=text("0"))

    def mail_id() -> Column[bytes]:
        return Column("mail_id", kinds.octets(16), primary_key=True)

    maddr = Table(
        "maddr",
        metadata,
        Column(
            "partition_tag",
            Integer,
            primary_key=partitioned,
            autoincrement=False,
            nullable=not partitioned,
            server_default=text("0"),
        ),
        Column("id", kinds.address_id(), primary_key=True, autoincrement=True),
        Column("email", kinds.address(allow_8bit=allow_8bit), nullable=False),
        Column("domain", kinds.text(255), nullable=False),
        UniqueConstraint("partition_tag", "email", name="part_email"),
        # Whoever asks for pen pals wants an address whatever its tag is.
        Index("maddr_idx_email", "email"),
        **options,
    )
    msgs = Table(
        "msgs",
        metadata,
        tag(),
        mail_id(),
        Column("secret_id", kinds.octets(16), server_default=text("''")),
        Column("am_id", kinds.text(20), nullable=False),
        Column("time_num", kinds.unsigned(), nullable=False),
        Column("time_iso", kinds.moment(), nullable=False),
        Column("sid", kinds.address_id(), nullable=False),
        Column("policy", kinds.text(255), server_default=text("''")),
        Column("client_addr", kinds.text(255), server_default=text("''")),
        Column("size", kinds.unsigned(), nullable=False),
        Column("originating", kinds.code(), nullable=False, server_default=text("' '")),
        Column("content", kinds.code()),
        Column("quar_type", kinds.code()),
        Column("quar_loc", kinds.location(), server_default=text("''")),
        Column("dsn_sent", kinds.code()),
        Column("spam_level", kinds.score()),
        Column("message_id", kinds.text(255), server_default=text("''")),
        Column("from_addr", kinds.text(255), server_default=text("''")),
        Column("subject", kinds.text(255), server_default=text("''")),
        Column("host", kinds.text(255), nullable=False),
        Index("msgs_idx_sid", "sid"),
        Index("msgs_idx_mess_id", "message_id"),
        Index("msgs_idx_time_num", "time_num"),
        **{**options, "sqlite_autoincrement": False},
    )
    # PostgreSQL's own, as in amavisd's schema; the others have time_num for it.
    Index("msgs_idx_time_iso", msgs.c.time_iso).ddl_if(dialect="postgresql")
    msgrcpt = Table(
        "msgrcpt",
        metadata,
        tag(),
        mail_id(),
        Column("rseqnum", Integer, primary_key=True, autoincrement=False, server_default=text("0")),
        Column("rid", kinds.address_id(), nullable=False),
        Column("is_local", kinds.code(), nullable=False, server_default=text("' '")),
        Column("content", kinds.code(), nullable=False, server_default=text("' '")),
        Column("ds", kinds.code(), nullable=False),
        Column("rs", kinds.code(), nullable=False),
        Column("bl", kinds.code(), server_default=text("' '")),
        Column("wl", kinds.code(), server_default=text("' '")),
        Column("bspam_level", kinds.score()),
        Column("smtp_resp", kinds.text(255), server_default=text("''")),
        Index("msgrcpt_idx_mail_id", "mail_id"),
        Index("msgrcpt_idx_rid", "rid"),
        **{**options, "sqlite_autoincrement": False},
    )
    quarantine = Table(
        "quarantine",
        metadata,
        tag(),
        mail_id(),
        Column("chunk_ind", kinds.unsigned(), primary_key=True, autoincrement=False),
        Column("mail_text", kinds.blob(), nullable=False),
        **{**options, "sqlite_autoincrement": False},
    )
    return LogTables(metadata, maddr, msgs, msgrcpt, quarantine)
