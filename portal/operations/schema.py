"""Whether the database has the tables that this version of the portal works with. Runs in a database thread."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def count_pending_migrations() -> int:
    """Return how many migrations are still to be applied; a fraction of a second of work."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
