"""Gateways that share one PostgreSQL on a third host."""

from dataclasses import dataclass
from shlex import quote

from testinfra.host import Host

from end_to_end.gateway import Gateway

DATABASE = "shared-db-12"
GATEWAYS = ("shared-one-12", "shared-two-12")
ACCOUNT, PASSWORD = "mailcordon", 'it\'s "one" of 100% # passwords'
# What a web interface asks for
LISTED = (
    "SELECT encode(msgs.mail_id, 'escape') FROM msgs JOIN msgrcpt USING (partition_tag, mail_id)"
    " JOIN quarantine USING (partition_tag, mail_id)"
    " WHERE chunk_ind = 1 AND msgrcpt.rs IN (' ', 'V', 'R', 'p', 'S', 'H')"
)


@dataclass(frozen=True)
class Shared:
    """All three hosts."""

    server: Host
    gateways: dict[str, Gateway]

    def sql(self, statement: str) -> str:
        """What the server's administrator is told."""
        return str(
            self.server.check_output(f"cd / && runuser -u postgres -- psql -AtX mailcordon -c {quote(statement)}")
        )

    def refusal(self, statement: str) -> str:
        """What the server says to the filter's account; empty when it does what it was told."""
        login = f"PGPASSWORD={quote(PASSWORD)} psql -AtX -h 127.0.0.1 -U {ACCOUNT} mailcordon"
        done = self.server.run(f"{login} -c {quote(f'BEGIN; {statement}; ROLLBACK')}")
        return str(done.stderr).strip() if done.rc else ""
