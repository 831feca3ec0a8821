"""Work that fails because the database is down is retried; an error in the work itself is raised."""

import asyncio
from unittest import mock

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError

from integrations.relay import retrying


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "RETRY", 0.0)


@pytest.mark.parametrize("error", [OperationalError("server closed the connection"), InterfaceError("closed")])
def test_work_is_repeated_until_the_database_is_back(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    work = mock.AsyncMock(side_effect=[error, error, "done"])
    assert asyncio.run(retrying.until_back(work, "An answer")) == "done"
    assert len(caplog.records) == 1


@pytest.mark.parametrize("error", [IntegrityError("duplicate key"), ValueError("a bug")])
def test_an_error_that_no_retry_helps_against_is_raised(error: Exception) -> None:
    work = mock.AsyncMock(side_effect=error)
    with pytest.raises(type(error)):
        asyncio.run(retrying.until_back(work, "An answer"))
    assert work.await_count == 1
