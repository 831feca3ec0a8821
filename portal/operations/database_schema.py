"""Checks whether the database has the tables of this version of the portal. Call it in a database thread."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def count_pending_migrations() -> int:
    """Return the number of pending migrations. This takes a fraction of a second."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
