"""Run by alembic: takes the connection and the name of the version table from its caller."""

from alembic import context

_given = context.config.attributes
context.configure(
    connection=_given["connection"], version_table=_given["version_table"], transactional_ddl=_given["transactional"]
)
with context.begin_transaction():
    context.run_migrations()
