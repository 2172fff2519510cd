"""What the `env.py` of every service's Alembic migrations does: upgrade on the connection that `Database.migrate` holds."""

from alembic import context


def upgrade() -> None:
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, transactional_ddl=False)
    context.run_migrations()
