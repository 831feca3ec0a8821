"""Collects the SQL statements that a `with` block sends, and finds scans of tables in SQLite's plans for them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

BOUNDED_SUBQUERY = re.compile(
    r'\(SELECT (U\d+)\."(?:id|at)"[^()]*? FROM "\w+" U\d+ ORDER BY [^()]* LIMIT \d+(?: OFFSET \d+)?\)'
)
OF_OPEN_ONES = "USING INDEX connection_open"  # this index contains only open connections, and they are few
GROWING = {
    f"integrations_{name}"
    for name in ("request", "connection", "authattempt", "unrecognisedframe", "auditevent", "delivery", "notice")
}


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Collect the statements of the block with their parameters. COMMIT is not among them."""
    sent: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, parameters: Any, *given: Any) -> Any:
        sent.append((sql, parameters))
        return execute(sql, parameters, *given)

    with connection.execute_wrapper(note):
        yield sent


def scans(sql: str, parameters: Any = ()) -> list[str]:
    """Return the steps of SQLite's plan that scan a growing table.

    Reading a table in key order until a page is full does not count, unless the statement filters or sorts the rows.
    """
    if not sql.startswith("SELECT") or connection.vendor != "sqlite":
        return []  # PostgreSQL scans small tables by design
    named = re.findall(r'"(integrations_\w+)"(?: ([A-Z]\d+))?', sql)
    names = {alias or table for table, alias in named if table in GROWING}
    plan = steps(sql, parameters)
    names -= set(BOUNDED_SUBQUERY.findall(sql))
    outside = re.sub(r"\(SELECT .*?LIMIT 1\)", "", sql)  # without the subqueries that look up one row by key
    if " LIMIT " in outside and " WHERE " not in outside and not any("TEMP B-TREE FOR ORDER" in step for step in plan):
        return []
    found = (step for step in plan if step.startswith("SCAN ") and step.split()[1] in names)
    return [step for step in found if not step.endswith(OF_OPEN_ONES)]


def steps(sql: str, parameters: Any = ()) -> list[str]:
    """Return the steps of SQLite's plan."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        return [str(row[3]) for row in cursor.fetchall()]
