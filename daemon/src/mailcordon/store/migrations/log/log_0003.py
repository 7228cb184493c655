"""Functions by which the daemon's account makes and drops partitions, where the tables have any (features 11.07)."""

from alembic import context

from mailcordon.store import partition_functions
from mailcordon.store.partitions import Partitions

revision = "log_0003"
down_revision = "log_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing but that."""
    task = context.config.attributes["task"]
    if Partitions.are_in(task.connection):
        schema = task.connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar()
        task.run("functions that make and drop partitions", *partition_functions.statements(schema))
