"""Bounds PostgreSQL's statements in server processes."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

# Far above what any call or chore of a server needs. Commands have no limit: a migration or a restore may take hours.
STATEMENT_SECONDS = 30


def bound_statements() -> None:
    """Let PostgreSQL end each statement of this process after STATEMENT_SECONDS, and threads not wait for much longer.

    A pool of connections without a limit, which the start may have opened, is closed.
    """
    connection: Any = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        return
    options = connection.settings_dict["OPTIONS"]
    options["options"] = f"{options.get('options', '')} -c statement_timeout={STATEMENT_SECONDS * 1000}".strip()
    if options.get("pool"):
        from portal.web.bounded_connection import BoundedConnection  # psycopg is optional

        options["pool"] = {**options["pool"], "connection_class": BoundedConnection}
    connection.close_pool()
