"""The code has each part that the recipes in CONTRIBUTING.md require."""

import json
import re
import tomllib
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.template.loader import get_template
from django.urls import URLPattern, URLResolver, get_resolver

from integrations.models import MessageType
from integrations.models.audit import Verb
from integrations.models.connection import CloseReason
from integrations.simulator import DEFAULT_NUMBERS, till_messages, till_methods
from integrations.simulator.example import MANAGER, example_till
from integrations.staff.base.actions import Action
from integrations.staff.requests.ask_forms import PREFIX, FieldsForm
from integrations.wire import raw_json
from integrations.wire.payloads import checking
from integrations.wire.payloads.answer_models import answer_model, type_name
from integrations.wire.payloads.examples import EXAMPLES
from integrations.wire.payloads.frames import NUMBERS
from integrations.wire.payloads.request_models import MODELS
from tests.support.project import PROJECT

REQUEST_MODELS = [model for model in MODELS if model.endswith("Request")]


# --- A message type with a payload model


@pytest.mark.django_db
def test_each_message_type_with_a_payload_model_is_a_row_and_each_model_of_a_request_has_one() -> None:
    rows = MessageType.objects.exclude(payload_model="").values_list("name", "payload_model")
    assert dict(rows) == {type_name(model): model for model in REQUEST_MODELS}
    numbers = MessageType.objects.exclude(payload_model="").values_list("payload_model", "number")
    assert dict(numbers) == NUMBERS


@pytest.mark.parametrize("model", REQUEST_MODELS)
def test_each_payload_model_has_an_example_and_a_form_that_accepts_it(model: str) -> None:
    # The form leaves out empty values.
    example = {name: value for name, value in EXAMPLES[model].items() if value not in (None, "")}
    typed = {f"{PREFIX}{name}": _typed(value) for name, value in example.items()}
    form = FieldsForm(
        {**typed, "request_id": str(uuid.uuid4()), "device_id": "1", "wait": "1"}, model=model, changes=False
    )
    assert form.payload_names() == [f"{PREFIX}{field.name}" for field in MODELS[model]]
    assert form.is_valid(), form.errors
    assert json.loads(form.payload()) == example


def _typed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("model", REQUEST_MODELS)
def test_the_simulated_till_answers_each_documented_message_type_with_its_model(model: str) -> None:
    asked = {
        "RequestID": "1",
        "MessageType": DEFAULT_NUMBERS[type_name(model)],
        "UserIdentifier": MANAGER.user_id,
        "Payload": EXAMPLES[model],
    }
    request = till_messages.read_request(json.dumps(asked))
    answer = till_methods.answer(example_till(), request)
    assert answer.result_code == till_messages.SUCCESS, answer
    spelled = raw_json.members(till_messages.write_answer(request, answer))["Payload"]
    checking.check(spelled, answer_model(model))


def test_the_simulated_till_has_the_documented_message_numbers() -> None:
    assert {type_name(model) for model in NUMBERS} == set(DEFAULT_NUMBERS)
    documented = {type_name(model): number for model, number in NUMBERS.items() if number is not None}
    assert documented.items() <= DEFAULT_NUMBERS.items()


# --- An audit verb


def test_each_audit_verb_is_recorded_by_an_operation_and_has_a_text() -> None:
    sources = [path for path in (PROJECT / "integrations").rglob("*.py") if "migrations" not in path.parts]
    recorded = {name for path in sources for name in re.findall(r"\bVerb\.([A-Z_]+)", path.read_text())}
    of_earlier_versions = {"BULK_DOWNLOADED"}  # pages still show the events that earlier versions recorded
    assert {verb.name for verb in Verb} - recorded == of_earlier_versions
    words = [str(verb.label) for verb in Verb]
    assert len(set(words)) == len(words)
    assert [each for each in words if not each[0].islower() or each.endswith(".")] == []


# --- A close reason


def test_each_close_reason_that_leaves_an_outlet_offline_is_a_reason_of_the_webhook_event() -> None:
    (row,) = re.findall(r"^\| `outlet.offline` .*$", (PROJECT / "docs/webhooks.md").read_text(), re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", row.rpartition("`reason`")[2]))
    assert named == {reason.value for reason in CloseReason} - {CloseReason.REPLACED.value}


# --- A staff action


def views(patterns: list[URLPattern | URLResolver]) -> Iterator[Any]:
    """Yield the view classes that have a URL, unwrapped from their decorators."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns)
            continue
        view: Any = pattern.callback
        while view is not None:
            yield getattr(view, "view_class", None)
            view = getattr(view, "__wrapped__", None)


def actions(base: type[Action] = Action) -> Iterator[type[Action]]:
    """Yield the action classes that have a button: those without a subclass."""
    for action in base.__subclasses__():
        yield from actions(action) if action.__subclasses__() else [action]


def test_each_staff_action_has_a_url_and_a_text() -> None:
    found = set(actions())
    assert len(found) > 15
    assert found - set(views(get_resolver().url_patterns)) == set()
    for action in found:
        if words := getattr(action, "words", ""):
            get_template(words)


# --- The diagram


def test_the_diagram_of_the_layers_matches_the_import_contracts() -> None:
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each["type"] == "layers"]
    expected = [re.sub(r"integrations\.(?!management)", "", layer).replace(" | ", " ") for layer in layers]
    drawn = (PROJECT / "CONTRIBUTING.md").read_text().split("```")[1].strip().splitlines()
    lines = [re.sub(r"\W+", " ", line.replace("integrations/", "")) for line in drawn]
    for layer, line in zip(expected, lines, strict=True):
        assert set(layer.removeprefix("integrations.").split()) <= set(line.split())
