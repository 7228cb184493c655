"""An index with which pen pals find an address whatever its partition tag is (features 11.09)."""

from alembic import context

from mailcordon.store.adopting import add_indexes
from mailcordon.store.log_tables import log_tables

revision = "log_0002"
down_revision = "log_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing but that."""
    task = context.config.attributes["task"]
    add_indexes(task, log_tables(allow_8bit=task.allow_8bit, partitioned=task.partitioned).maddr)
