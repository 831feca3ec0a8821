"""The message that asks another process to send a transient request contains the request's content, times and IDs."""

import json

from integrations.relay.delivery.ask_messages import read_ask, write_ask
from integrations.services.requests.contents import Content
from integrations.services.requests.request_types import NewRequest
from tests.support.factories import NOON

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def make_message() -> dict[str, object]:
    """Return a message as another process receives it, after the channel layer has serialised it."""
    new = NewRequest.of(
        Content(1, "kiosk-1", "4711", '{"a": 1.10}'),
        received_at=NOON,
        wait=5,
        is_durable=False,
        integration_id=7,
        api_key_id=None,
        request_id="r",
        correlation_id="order-1",
        traceparent=TRACE,
    )
    message: dict[str, object] = json.loads(json.dumps(write_ask(new, "ask-1", "channel-1")))
    return message


def test_the_process_with_the_websocket_gets_the_request_with_its_ids_for_tracing() -> None:
    message = make_message()
    waiting = read_ask(message)
    assert (message["ask"], message["reply_to"]) == ("ask-1", "channel-1")
    assert (waiting.integration_id, waiting.request_id) == (7, "r")
    assert waiting.content == Content(1, "kiosk-1", "4711", '{"a": 1.10}')
    assert (waiting.send_before - NOON).total_seconds() == (waiting.answer_before - NOON).total_seconds() == 5
    assert (waiting.correlation_id, waiting.traceparent) == ("order-1", TRACE)


def test_a_message_of_the_previous_version_has_no_ids_for_tracing() -> None:
    message = make_message()
    del message["correlation_id"], message["traceparent"]
    assert (read_ask(message).correlation_id, read_ask(message).traceparent) == ("", "")
