"""No dataclass shows a secret or a request's content in its repr, because logs and error reports show reprs."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import integrations
import portal

HIDDEN = {
    *("secret", "secrets", "auth_secret", "adopted_secret", "api_key", "token", "passphrase", "sealed", "digest"),
    *("user_identifier", "payload", "answer", "error_message", "body", "excerpt", "headers", "content_digest"),
}


def dataclasses_of_ours() -> Iterator[type[Any]]:
    for package in (integrations, portal):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for value in list(vars(importlib.import_module(found.name)).values()):
                if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == found.name:
                    yield value


def must_be_hidden(field: "dataclasses.Field[Any]") -> bool:
    """Return whether a field may hold a secret: its name is in HIDDEN, or its type contains `bytes`."""
    checks_itself = dataclasses.is_dataclass(field.type)
    return not checks_itself and (field.name.lstrip("_") in HIDDEN or "bytes" in str(field.type))


def test_no_dataclass_shows_a_secret_in_its_repr() -> None:
    fields = {
        f"{kind.__module__}.{kind.__qualname__}.{field.name}": field.repr
        for kind in dataclasses_of_ours()
        if kind.__dataclass_params__.repr
        for field in dataclasses.fields(kind)
        if must_be_hidden(field)
    }
    assert "integrations.services.handover.handover.HandOver.auth_secret" in fields
    assert [name for name, is_shown in fields.items() if is_shown] == []
