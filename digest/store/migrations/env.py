"""What Alembic runs: the steps on the connection that it is given, in the transaction of that connection."""

from alembic import context

from digest.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # The caller's transaction holds all steps and the record that they were taken.
    transactional_ddl=True,
    transaction_per_migration=False,
)
context.run_migrations()
