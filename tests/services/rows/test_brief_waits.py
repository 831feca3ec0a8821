"""An optional write is skipped if another writer holds the lock; any other database error is raised."""

import pytest
from django.db import OperationalError

from integrations.services.rows.brief_waits import unless_locked

pytestmark = pytest.mark.django_db


class PostgresqlError(Exception):
    """An error of the PostgreSQL driver, with its SQLSTATE code."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


def postgresql_error(message: str, sqlstate: str) -> OperationalError:
    error = OperationalError(message)
    error.__cause__ = PostgresqlError(sqlstate)
    return error


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("database is locked"),
        postgresql_error("canceling statement due to lock timeout", "55P03"),  # codespell:ignore canceling
    ],
)
def test_a_write_that_would_wait_for_a_lock_is_skipped(error: OperationalError) -> None:
    with unless_locked():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("disk I/O error"),
        postgresql_error("canceling statement due to statement timeout", "57014"),  # codespell:ignore canceling
    ],
)
def test_any_other_error_of_the_database_is_raised(error: OperationalError) -> None:
    with pytest.raises(OperationalError), unless_locked():
        raise error
