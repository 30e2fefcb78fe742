"""Runs migrations on the connection that `database.migrate` opened, in its transaction."""

from alembic import context

from communicator_impl.services.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
context.run_migrations()
