"""Checks and confirms lists of outlets in CSV files like those that a spreadsheet program writes."""

import csv
import io
import itertools
from typing import Any

import pytest

from integrations.services.audit import Actor
from integrations.services.bulk import confirming
from integrations.services.bulk import enabling as bulk_enabling
from integrations.services.bulk import file as bulk_file
from integrations.services.bulk.confirming import Checked
from integrations.services.bulk.enabling import Permissions
from integrations.services.bulk.plan import BulkAction, PlannedRow
from integrations.services.bulk.result_file import result_csv

HEADER = "Organisation,Outlet,POSRemoteID,ProviderOutletID,AdoptedSecret"


def lines(*rows: str, header: str = HEADER) -> bytes:
    return "\r\n".join([header, *rows, ""]).encode()


def plan(*rows: str, header: str = HEADER, may: Permissions | None = None) -> list[PlannedRow]:
    return bulk_enabling.check(bulk_file.read_rows(lines(*rows, header=header)), may or Permissions())


def only(*rows: str, header: str = HEADER, may: Permissions | None = None) -> PlannedRow:
    """Return the planned row for the last of these rows."""
    return plan(*rows, header=header, may=may)[-1]


def checked_file(boss: Actor, *rows: str) -> Checked:
    return confirming.check_file(lines(*rows), name="chain.csv", actor=boss)


def selected(action: BulkAction, *ids: int, actor: Actor) -> Checked:
    return confirming.check_selection(action, ids, actor=actor)


def done(checked: Checked, boss: Actor, **options: Any) -> list[dict[str, str]]:
    """Confirm a plan, and return the rows of the result file, which contains the new secrets."""
    enabled = confirming.confirm(checked.sealed, actor=boss, **options)
    return list(csv.DictReader(io.StringIO(result_csv(enabled, "a new secret"))))


def stop_before(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, call: int, error: Exception) -> None:
    """Make a function raise at its n-th call and work again afterwards."""
    calls, real = itertools.count(1), getattr(module, name)

    def stopping(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == call:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, stopping)
