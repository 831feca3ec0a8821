"""Fixtures: batches so small that a few rows fill them, and a fixed clock."""

import pytest

from integrations.services.retention import retention
from tests.support.factories import NOON


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)


@pytest.fixture
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the clock of the commands to noon."""
    monkeypatch.setattr(retention, "shared_now", lambda: NOON)
    monkeypatch.setattr("integrations.management.commands.prune.shared_now", lambda: NOON)
