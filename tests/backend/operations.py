"""The operations that the OpenAPI document describes, for tests that also cover those that are added later."""

from typing import Any
from uuid import uuid4

from drf_spectacular.generators import SchemaGenerator


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    found: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return found


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Return path, method and description of each operation."""
    return [(path, method, call) for path, calls in document()["paths"].items() for method, call in calls.items()]


class Values(dict[str, str]):
    """Values for the parameters of a path; those that are missing name nothing that exists."""

    def __missing__(self, _name: str) -> str:
        return str(uuid4())
