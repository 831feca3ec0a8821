"""Defines a field of a model."""

from dataclasses import dataclass

STRING, GUID, WHOLE, DECIMAL, FLAG, OBJECT = "string", "GUID", "int", "decimal(13,2)", "bool", "object"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a model. `kind` is one of the constants above, or a model's name.

    A field that is not required may be omitted. Only a nullable field may be null.
    """

    name: str
    kind: str
    meaning: str = ""
    required: bool = False
    nullable: bool = False
    limit: int | None = None  # characters
    is_list: bool = False


def list_of(name: str, kind: str, meaning: str, *, required: bool = False) -> Field:
    return Field(name, kind, meaning, required=required, nullable=not required, is_list=True)


def required(name: str, kind: str, meaning: str, limit: int | None = None) -> Field:
    return Field(name, kind, meaning, required=True, limit=limit)


def nullable(name: str, kind: str, meaning: str, limit: int | None = None) -> Field:
    return Field(name, kind, meaning, nullable=True, limit=limit)


def optional(name: str, kind: str, meaning: str) -> Field:
    return Field(name, kind, meaning)
