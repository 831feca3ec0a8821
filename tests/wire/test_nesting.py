"""Every reader refuses JSON that nests too deeply, with the same limit on every version of Python."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from integrations.backend.base.problems import Problem
from integrations.backend.requests import order_calls as backend_wire
from integrations.models.attempt import UnrecognisedFrameKind
from integrations.pos import messages
from integrations.simulator import json_text
from integrations.staff.requests import ask_forms, legible
from integrations.wire import canonical_json, envelope, raw_json
from integrations.wire.envelope import Answer, Unreadable

MOST = raw_json.MOST_NESTED
# Python's own limits: about 900 levels with 3.11, 1,400 with 3.12, 9,900 with 3.13.
DEEP = [MOST + 1, 500, 940, 1_200, 5_000, 9_500]
SHAPES = [("[", "]"), ('{"a":', "}"), ('{"a":[', "]}"), ('[{"a":', "}]")]


def nested(levels: int, begin: str = "[", end: str = "]") -> str:
    """Return JSON with this many levels, or with one more if `begin` opens two levels and `levels` is odd."""
    times = -(-levels // sum(begin.count(each) for each in "[{"))
    return begin * times + "1" + end * times


@pytest.mark.parametrize("levels", DEEP)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_deeply_nested_value_is_refused_everywhere(levels: int, shape: tuple[str, str]) -> None:
    deep = nested(levels, *shape)
    with pytest.raises(messages.Malformed, match="more than 100 levels"):
        messages.read_auth_request(f'{{"ProviderOutletID": "a", "Other": {deep}}}'.encode())
    assert messages.kind_of_frame(deep[: messages.MAX_CHECKED]) == UnrecognisedFrameKind.NOT_JSON
    answer = f'{{"RequestID": "r", "ResultCode": 0, "Payload": {deep}}}'
    request_id, unreadable = envelope.read_answer(answer) or ("", None)
    assert (request_id, type(unreadable), str(unreadable)) == ("r", Unreadable, envelope.NOT_JSON)
    assert str(envelope.why_unreadable(answer)) == envelope.NOT_JSON
    with pytest.raises(Problem) as problem:
        backend_wire.read_order(f'{{"message_type": 1, "device_id": "d", "payload": {{"a": {deep}}}}}'.encode())
    assert "more than 100 levels" in str(problem.value.detail)
    assert canonical_json.canonical(deep) == deep
    assert legible.legible(deep) == legible.NOT_SHOWN
    with pytest.raises(ValueError, match="too deeply"):
        json_text.read(deep)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_value_at_the_limit_is_read_everywhere(shape: tuple[str, str]) -> None:
    inner = nested(MOST - 2, *shape)
    answer = f'{{"RequestID": "r", "ResultCode": 0, "Payload": {{"a": {inner}}}}}'
    assert envelope.read_answer(answer) == ("r", Answer(0, None, f'{{"a": {inner}}}'))
    order = f'{{"message_type": 1, "device_id": "d", "payload": {{"a": {inner}}}}}'
    assert backend_wire.read_order(order.encode()).payload == f'{{"a": {inner}}}'
    assert legible.legible(inner) != legible.NOT_SHOWN
    assert json.loads(json_text.write(json_text.read(inner))) == json.loads(inner)
    with pytest.raises(messages.Malformed, match="ProviderOutletID is missing"):
        messages.read_auth_request(inner.encode() if inner.startswith("{") else f'{{"a": {inner}}}'.encode())


@pytest.mark.parametrize(
    "text",
    [
        '["' + "[" * 5_000 + '"]',
        '["' + '\\"[' * 5_000 + '"]',
        '["' + "\\\\" * 3 + '", "' + "{" * 500 + '"]',
        "[" + ",".join(["[[]]"] * 5_000) + "]",
        '[{"a": ' + "[]" + "}" + ', "]"' * 500 + "]",
        '{"[' + "[" * 300 + '": {}}',
    ],
)
def test_brackets_in_strings_and_siblings_do_not_count_as_depth(text: str) -> None:
    json.loads(text)
    assert not raw_json.is_deep(text)


@pytest.mark.parametrize("between", ['"]",', '"\\"]]",', '"\\\\","]",', '"",', '"ü]",'])
def test_closing_brackets_in_strings_do_not_hide_depth(between: str) -> None:
    text = f"[{between}" * (MOST + 1) + "1" + "]" * (MOST + 1)
    json.loads(text)
    assert raw_json.is_deep(text)
    assert not raw_json.is_deep(text[len(f"[{between}") : -1])


@pytest.mark.parametrize("value", [nested(5_000), nested(950, '{"a":', "}"), "[" * 100_000])
def test_a_field_of_the_ask_page_reports_deep_nesting(value: str) -> None:
    with pytest.raises(ValidationError, match="more than 100 levels"):
        ask_forms._check_json(value)


@pytest.mark.parametrize(
    "credential",
    ["[" * 100_000, nested(950), nested(5_000), nested(9_500, '{"a":', "}"), "9" * 5_000, "[]", "7", "{}", "null", "{"],
    ids=lambda text: f"{text[:5]} {len(text)}",
)
@pytest.mark.parametrize("page", ["mfa_add_webauthn", "mfa_reauthenticate_webauthn"])
def test_a_passkey_that_is_not_valid_json_is_refused_by_the_page(
    client: Client, admin_user: User, page: str, credential: str
) -> None:
    client.force_login(admin_user)
    begin = client.get(reverse(page))
    assert begin.status_code in (200, 302)
    answer: Any = client.post(reverse(page), {"credential": credential, "name": "Key"})
    assert answer.status_code in (200, 302)
