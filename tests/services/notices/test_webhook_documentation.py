"""The code that docs/webhooks.md gives to receivers works, and the document names every event."""

import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jsonschema
import pytest
import time_machine
from django.utils import timezone

from integrations.models import Integration, Notice
from integrations.models.notices.notice import NoticeKind
from integrations.services.integration import enabling, pos_secrets
from integrations.services.notices import alerts, event_detection, signing, webhooks
from integrations.services.notices.delivering import body_of
from integrations.services.notices.event_types import EVENTS, json_schemas
from integrations.wire.payloads.json_schema import REFERENCE
from tests.support.factories import ANNA, NOON, Enabled
from tests.support.notice_factories import (
    go_offline,
    go_online,
    make_endpoint,
    make_finished_request,
    make_refusal,
    make_unrecognised_frame,
)
from tests.support.project import PROJECT

DOCUMENT = (PROJECT / "docs" / "webhooks.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
BODY = '{"type":"webhook.test","data":{"endpoint":"Küche"}}'.encode()

Receive = Callable[[str, bytes, dict[str, str]], Any]


def receive_of(program: str) -> Receive:
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102  (our own document)
    return names["receive"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("program", PROGRAMS, ids=["library", "by hand"])
def test_the_documented_program_accepts_only_events_signed_by_the_portal(program: str) -> None:
    receive = receive_of(program)
    secret, older = signing.new_secret(), signing.new_secret()
    headers = signing.headers("evt_1", int(time.time()), BODY, [secret, older])
    assert receive(secret, BODY, headers) == receive(older, BODY, headers)
    assert receive(secret, BODY, headers)["data"] == {"endpoint": "Küche"}
    with pytest.raises(Exception, match=r"not from the portal|No matching signature"):
        receive(signing.new_secret(), BODY, headers)
    with pytest.raises(Exception, match=r"not from the portal|No matching signature"):
        receive(secret, BODY + b" ", headers)
    old = signing.headers("evt_1", int(time.time()) - 600, BODY, [secret])
    with pytest.raises(Exception, match="too old"):
        receive(secret, BODY, old)


def test_there_is_a_program_with_the_library_and_one_without() -> None:
    assert len(PROGRAMS) == 2


def row_of(kind: str) -> str:
    """Return the document's row about this event; if it says "the same", prepend the row above it."""
    before, _, rest = DOCUMENT.partition(f"| `{kind}` |")
    row = rest.partition("\n")[0]
    assert row, f"docs/webhooks.md has no row for {kind}"
    return before.splitlines()[-1] + row if "the same" in row else row


@pytest.mark.parametrize("kind", NoticeKind.values)
def test_each_event_is_documented(kind: str) -> None:
    assert row_of(kind)


@pytest.mark.parametrize(("kind", "data"), EVENTS.items())
def test_each_event_is_documented_with_every_member_of_its_data(kind: str, data: Any) -> None:
    missing = {name for name in data.__annotations__ if f"`{name}`" not in row_of(kind)} - {"organisation", "outlet"}
    assert missing == set(), f"docs/webhooks.md does not say what {kind} holds"


def test_each_event_has_the_data_of_its_definition_and_no_more(enabled: Enabled) -> None:
    schemas = json_schemas()
    for schema in schemas.values():
        schema["additionalProperties"] = False
    for notice in each_event(enabled.integration):
        reference = REFERENCE.format(name=EVENTS[NoticeKind(notice.kind)].__name__)
        jsonschema.validate(notice.data, {"$ref": reference, "components": {"schemas": schemas}})


def test_the_example_of_each_event_has_the_form_that_the_portal_sends(enabled: Enabled) -> None:
    section = DOCUMENT.split("## One example of each event")[1]
    examples = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL)]
    sent = [json.loads(body_of(notice)) for notice in each_event(enabled.integration)]
    assert {each["type"]: form_of(each) for each in examples} == {each["type"]: form_of(each) for each in sent}
    assert len(examples) == len(NoticeKind)


def form_of(value: Any) -> Any:
    """Return a JSON value in which each text, number, boolean and null is replaced by its Python type."""
    if isinstance(value, dict):
        return {name: form_of(member) for name, member in value.items()}
    return [form_of(member) for member in value] if isinstance(value, list) else type(value)


def each_event(integration: Integration) -> list[Notice]:
    """Cause every event that the portal reports for an outlet, and return one event of each kind."""
    with time_machine.travel(NOON, tick=False) as clock:
        endpoint, _ = make_endpoint()
        pass_minutes(clock, 10)
        go_online(integration, timezone.now())
        make_finished_request(integration, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        make_refusal(integration)
        make_unrecognised_frame(integration)
        pass_minutes(clock, 2)
        go_offline(integration, timezone.now())
        pass_minutes(clock, 15)
        go_online(integration, timezone.now())
        pos_secrets.rotate_secret(integration, overlap="24h", actor=ANNA)
        enabling.disable(integration, reason="closed", actor=ANNA)
        clock.shift(timedelta(seconds=1))
        enabling.reenable(integration, actor=ANNA)
        pass_minutes(clock, 10)
        webhooks.send_test(endpoint, actor=ANNA)
    found = {notice.kind: notice for notice in Notice.objects.all()}
    assert set(found) == set(NoticeKind.values)
    return list(found.values())


def pass_minutes(clock: Any, minutes: int) -> None:
    for _ in range(minutes):
        clock.shift(timedelta(minutes=1))
        event_detection.poll()
        alerts.update()
