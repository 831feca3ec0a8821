"""A new verb, reason or outcome needs a line in its enumeration, and no migration."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from integrations.models import AuditEvent, AuthAttempt, Connection, Notice, attempt, audit, connection
from integrations.models.notices import notice


def changes() -> Mapping[str, object]:
    """Return the migrations that `makemigrations` would write."""
    loader = MigrationLoader(None)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    return detector.changes(graph=loader.graph)


@pytest.mark.parametrize(
    ("module", "name", "model", "field"),
    [
        (audit, "Verb", AuditEvent, "verb"),
        (connection, "CloseReason", Connection, "close_reason"),
        (attempt, "Outcome", AuthAttempt, "outcome"),
        (notice, "NoticeKind", Notice, "kind"),
    ],
)
def test_a_new_choice_needs_no_migration(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, model: type[models.Model], field: str
) -> None:
    members = [(each.name, (each.value, each.label)) for each in getattr(module, name)]
    make: Any = models.TextChoices
    monkeypatch.setattr(module, name, make(name, [*members, ("BRAND_NEW", ("brand_new", "brand new"))]))
    row = model(**{field: "brand_new"})
    assert getattr(row, f"get_{field}_display")() == "brand new"
    assert changes() == {}


def test_the_choices_of_every_field_are_a_function() -> None:
    fixed = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("integrations").get_models()
        for field in model._meta.concrete_fields
        if field.choices and not callable(field.deconstruct()[3]["choices"])
    ]
    assert fixed == []
