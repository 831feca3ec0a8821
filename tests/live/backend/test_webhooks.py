"""Webhooks of real servers reach a real receiver, survive restarts, and are sent by one process only."""

import json
import signal

import pytest

from tests.live.callers import records
from tests.live.callers.clients import authenticate, connect, token_for
from tests.live.conftest import NewStack
from tests.live.stack.servers import Database, Depot, Stack
from tests.live.stack.waiting import eventually
from tests.support.constants import (
    ALERT_GROUP_SECONDS,
    ALERT_START_GRACE,
    NOTICE_INTERVAL,
    OUTLET_GRACE,
    with_constants,
)
from tests.support.servers.mail_sink import mail_sink
from tests.support.servers.receiver import Receiver, receiver

CONSTANTS = {NOTICE_INTERVAL: 0.2, OUTLET_GRACE: 1, ALERT_START_GRACE: 0, ALERT_GROUP_SECONDS: 0}
QUICK = with_constants(CONSTANTS) | {"WEBHOOK_ALLOW_PRIVATE": "true"}


def make_endpoint(stack: Stack, hooks: Receiver, *events: str) -> str:
    """Create an endpoint with a unique name, wait until the portal collects events for it, and return its secret."""
    chosen = [f"--event={event}" for event in events]
    made = stack.manage_json("create_webhook", f"Hooks {hooks.port}", hooks.url, *chosen)
    assert isinstance(made, dict)
    eventually(lambda: stack.rows("SELECT name FROM integrations_noticecursor WHERE name != 'alerts'"))
    secret: str = made["Secret"]
    return secret


def types(hooks: Receiver, secret: str) -> list[str]:
    return [got.verified(secret)["type"] for got in list(hooks.got)]


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_events_of_an_outlet_are_delivered_with_a_valid_signature(new_stack: NewStack, database: Database) -> None:
    stack = new_stack("serve", database, env=QUICK)
    outlet = stack.supply_outlet()
    with receiver() as hooks:
        secret = make_endpoint(stack, hooks)
        authenticate(stack, outlet, AuthSecret="wrong")
        eventually(lambda: "authentication.refused" in types(hooks, secret))
        with connect(stack, token_for(stack, outlet)) as pos:
            eventually(lambda: "outlet.online" in types(hooks, secret))
            pos.send(json.dumps({"Hello": "there"}))
            eventually(lambda: "pos.stray_message" in types(hooks, secret))
        eventually(lambda: "outlet.offline" in types(hooks, secret))
        events = [got.verified(secret) for got in hooks.got]
    assert sorted(event["type"] for event in events) == [
        "authentication.refused",
        "outlet.offline",
        "outlet.online",
        "pos.stray_message",
    ]
    assert {event["data"]["outlet"]["provider_outlet_id"] for event in events} == {outlet.provider_outlet_id}


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_an_undelivered_event_is_sent_with_the_same_id_after_kill_9(new_stack: NewStack, database: Database) -> None:
    stack = new_stack("serve", database, env=QUICK)
    outlet = stack.supply_outlet()
    with receiver(status=500) as hooks:
        secret = make_endpoint(stack, hooks, "authentication.refused")
        authenticate(stack, outlet, AuthSecret="wrong")
        eventually(lambda: hooks.got)
        eventually(lambda: stack.rows("SELECT id FROM integrations_delivery WHERE tries = 1"))
        stack.kill()
        hooks.status = 204
        stack.start()
        eventually(lambda: len(hooks.got) == 2, timeout=15)
        eventually(lambda: stack.rows("SELECT id FROM integrations_delivery WHERE state = 'delivered'"))
    first, second = hooks.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert second.verified(secret)["type"] == "authentication.refused"


def test_a_gracefully_stopped_server_leaves_its_deliveries_to_the_next(new_stack: NewStack) -> None:
    stack = new_stack(env=QUICK)
    outlet = stack.supply_outlet()
    with receiver(status=500) as hooks:
        make_endpoint(stack, hooks, "authentication.refused")
        authenticate(stack, outlet, AuthSecret="wrong")
        eventually(lambda: stack.rows("SELECT id FROM integrations_delivery WHERE tries = 1"))
        assert stack.stop(signal.SIGTERM) == 0
        hooks.status = 204
        stack.start()
        eventually(lambda: len(hooks.got) == 2, timeout=15)


def test_two_processes_deliver_each_event_once(new_stack: NewStack, depot: Depot) -> None:
    stack = new_stack("serve", "postgres", env=QUICK)
    outlet = stack.supply_outlet()
    with receiver() as hooks:
        secret = make_endpoint(stack, hooks)
        twin = depot.twin(stack)
        for each in (stack, twin) * 3:
            authenticate(each, outlet, AuthSecret="wrong")
        with connect(twin, token_for(stack, outlet)):
            eventually(lambda: "outlet.online" in types(hooks, secret))
            eventually(lambda: records.is_online(stack, outlet))
            eventually(lambda: types(hooks, secret).count("authentication.refused") == 6)
    ids = [got.headers["webhook-id"] for got in hooks.got]
    assert len(ids) == len(set(ids)) == 7


def test_an_alert_reaches_a_mail_server_once_from_a_running_portal(new_stack: NewStack) -> None:
    with mail_sink() as sink:
        stack = new_stack(env=QUICK | {"EMAIL_URL": sink.url})
        stack.execute("INSERT INTO integrations_alertrecipient (email) VALUES (%s)", "ops@example.com")
        stack.create_api_key("--expires-in-days=3")
        eventually(lambda: sink.got)
        stack.stop()
        stack.start()
        turned = stack.rows("SELECT turned_at FROM integrations_noticecursor WHERE name = 'alerts'")
        eventually(lambda: stack.rows("SELECT turned_at FROM integrations_noticecursor") != turned)
    (mail,) = sink.got
    assert (mail["to"], mail["subject"]) == ("ops@example.com", "Alert: credentials about to expire (API key Key 1)")
