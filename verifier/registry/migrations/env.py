"""Alembic runs this, on the connection that the caller opened."""

from alembic import context

from zkmargin.verifier.registry.tables import metadata


def migrate() -> None:
    """Run the migrations that the caller asked for."""
    context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
    context.run_migrations()


if __name__ == "env_py":  # alembic's name for this file
    migrate()
