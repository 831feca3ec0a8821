"""Limits the duration of PostgreSQL statements in server processes."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

# This is far more than any call or periodic job needs. Commands have no limit, because a migration or a restore may
# take hours.
STATEMENT_SECONDS = 30


def bound_statements() -> None:
    """Make PostgreSQL cancel each statement of this process after STATEMENT_SECONDS; threads wait only a little longer.

    Also close the connection pool, because its connections may have been opened at startup without the limit.
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
