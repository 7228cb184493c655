"""The statements that are run (contracts B2.16 to B2.23): our own, or the administrator's in their place."""

from collections.abc import Mapping

from mailcordon.config.sql_clause import Clause, ClauseName

_SENT_TO_SENDER = (
    "FROM msgs JOIN msgrcpt ON msgrcpt.partition_tag = msgs.partition_tag AND msgrcpt.mail_id = msgs.mail_id "
    "WHERE {sid} IN (%s) AND {more}msgs.content <> 'V' AND msgrcpt.ds = 'P' "
)
"""An address has an id for each partition tag: `%s` stands for all those of the sender, `%r` for the recipient's. An
administrator's statement has `?` there, and is run once for each tag (B2.23, features 11.09)."""
DEFAULTS: Mapping[ClauseName, str] = {
    # The last column says that `id` is the user's, not the policy's.
    "sel_policy": (
        "SELECT users.*, policy.*, users.id FROM users LEFT JOIN policy ON policy.id = users.policy_id "
        "WHERE users.email IN (%k) ORDER BY users.priority DESC"
    ),
    "sel_wblist": (
        "SELECT wblist.wb FROM wblist JOIN mailaddr ON mailaddr.id = wblist.sid "
        "WHERE wblist.rid = ? AND mailaddr.email IN (%k) ORDER BY mailaddr.priority DESC"
    ),
    "sel_adr": "SELECT id FROM maddr WHERE partition_tag = ? AND email = ?",
    "ins_adr": "INSERT INTO maddr (partition_tag, email, domain) VALUES (?, ?, ?)",
    "ins_msg": (
        "INSERT INTO msgs (partition_tag, mail_id, secret_id, am_id, time_num, time_iso, sid, policy, client_addr, "
        "size, host) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    ),
    "upd_msg": (
        "UPDATE msgs SET content = ?, quar_type = ?, quar_loc = ?, dsn_sent = ?, spam_level = ?, message_id = ?, "
        "from_addr = ?, subject = ?, client_addr = ?, originating = ? WHERE partition_tag = ? AND mail_id = ?"
    ),
    "ins_rcp": (
        "INSERT INTO msgrcpt (partition_tag, mail_id, rseqnum, rid, is_local, content, ds, rs, bl, wl, bspam_level, "
        "smtp_resp) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    ),
    "ins_quar": "INSERT INTO quarantine (partition_tag, mail_id, chunk_ind, mail_text) VALUES (?, ?, ?, ?)",
    "sel_quar": "SELECT mail_text FROM quarantine WHERE partition_tag = ? AND mail_id = ? ORDER BY chunk_ind",
    "sel_msg": "SELECT partition_tag FROM msgs WHERE mail_id = ?",
    "sel_penpals": (
        "SELECT msgs.time_num, msgs.mail_id, msgs.subject "
        + _SENT_TO_SENDER.format(sid="msgs.sid", more="msgrcpt.rid IN (%r) AND ")
        + "ORDER BY msgs.time_num DESC LIMIT 1"
    ),
    "sel_penpals_msgid": (
        "SELECT msgs.time_num, msgs.mail_id, msgs.subject, msgs.message_id, msgrcpt.rid "
        # The plus keeps SQLite from the index of senders: one may have sent very much.
        + _SENT_TO_SENDER.format(sid="+msgs.sid", more="msgs.message_id IN (%m) AND msgrcpt.rid <> msgs.sid AND ")
        + "ORDER BY CASE WHEN msgrcpt.rid IN (%r) THEN 0 ELSE 1 END, msgs.time_num DESC LIMIT 1"
    ),
}


class Statements:
    """All of them, parsed once."""

    def __init__(self, own: Mapping[ClauseName, str]) -> None:
        self._own = frozenset(own)
        self._clauses = {name: Clause.parse(text) for name, text in {**DEFAULTS, **own}.items()}
        self._texts: dict[tuple[ClauseName, str], str] = {}

    def __getitem__(self, name: ClauseName) -> Clause:
        return self._clauses[name]

    def text(self, name: ClauseName, mark: str) -> str:
        """One that has no placeholders but `?`, for a driver whose placeholder is `mark`; made once."""
        text = self._texts.get((name, mark))
        if text is None:
            text = self._texts[name, mark] = self._clauses[name].text(mark)
        return text

    def is_ours(self, *names: ClauseName) -> bool:
        """Whether none of them was replaced, so that what they do is known."""
        return self._own.isdisjoint(names)
