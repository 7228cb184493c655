"""Mail log and quarantine as amavisd-new 2.13 has them, made anew or of the tables of an older one."""

from alembic import context

from mailcordon.store.adopt_log import adopt

revision = "log_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is dropped but keys that stand in the way."""
    adopt(context.config.attributes["task"])
