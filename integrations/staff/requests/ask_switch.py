"""Convert the input of the "Ask the POS" form from fields to JSON, and back. Secrets are not carried over.

`secrets_in` returns the names of the fields with secrets, and the page asks for these secrets again.
"""

import json
from collections.abc import Mapping
from typing import Any

from integrations.services.requests.secret_members import is_never_shown
from integrations.staff.requests.ask_forms import PREFIX, is_json, spell
from integrations.wire import raw_json
from integrations.wire.payloads.field import DECIMAL, FLAG, WHOLE, Field
from integrations.wire.payloads.request_models import MODELS


class NoSuchFields(ValueError):
    """The fields cannot hold some members of the payload. `names` has the first few of these members."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def json_of(typed: Mapping[str, Any], model: str) -> str:
    """Return the filled fields as a payload in indented JSON. A value that does not fit its field becomes a string."""
    values = {field.name: typed.get(PREFIX + field.name, "") for field in MODELS[model]}
    lines = [
        f"  {json.dumps(field.name)}: {_spelled(field, values[field.name])}"
        for field in MODELS[model]
        if values[field.name] and not is_never_shown(field.name)
    ]
    return "{\n" + ",\n".join(lines) + "\n}" if lines else "{}"


def secrets_in(typed: Mapping[str, Any], model: str) -> list[str]:
    """Return the names of the filled fields whose values are secrets."""
    hidden = [field.name for field in MODELS[model] if is_never_shown(field.name) and typed.get(PREFIX + field.name)]
    return [*hidden, "UserIdentifier"] if typed.get("user_identifier") else hidden


def fields_of(text: str, model: str) -> dict[str, str]:
    """Convert a JSON payload to values of the form's fields. Raises NoSuchFields, or raw_json's NotAnObject or TooDeep.

    Like a POS, this ignores the letter case of names. A null leaves a field empty if the field may be null.
    """
    fields = {field.name.lower(): field for field in MODELS[model]}
    values: dict[str, str] = {}
    wrong = []
    for name, spelled in raw_json.members(text).items():
        field = fields.get(name.lower())
        value = None if field is None else _typed(field, spelled)
        if field is None or value is None:
            wrong.append(name[:64])
        elif not is_never_shown(field.name):
            values[PREFIX + field.name] = value
    if wrong:
        raise NoSuchFields(wrong[:5])
    return values


def _spelled(field: Field, text: str) -> str:
    spelled = spell(field, text)
    try:
        fits = raw_json.members(f'{{"value": {spelled}}}') == {"value": spelled}
    except ValueError:
        fits = False
    return spelled if fits else json.dumps(text, ensure_ascii=False)


def _typed(field: Field, spelled: str) -> str | None:
    """Return what a person would type for this value, or None if the field cannot hold it."""
    text = str(json.loads(spelled)) if spelled.startswith('"') else None
    if text is not None and field.kind != FLAG and _spelled(field, text).startswith('"'):
        return text  # typed into the field, this text becomes the same JSON string
    if is_json(field):
        return spelled
    if spelled == "null":
        return "" if field.nullable else None
    if field.kind == FLAG:
        return spelled if spelled in ("true", "false") else None
    return spelled if field.kind in (WHOLE, DECIMAL) and spelled[0] in "-0123456789" else None
