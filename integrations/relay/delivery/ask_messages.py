"""The message that asks another process to send a transient request to a POS connected there."""

from datetime import datetime
from typing import Any

from integrations.services import wake
from integrations.services.requests.contents import Content
from integrations.services.requests.request_types import NewRequest, Waiting


def write_ask(new: NewRequest, ask: str, reply_to: str) -> dict[str, Any]:
    """Return the message. The other process sends its replies, which repeat the id `ask`, to the channel `reply_to`."""
    return {
        "type": wake.ASK,
        "ask": ask,
        "reply_to": reply_to,
        "integration": new.integration_id,
        "request_id": new.request_id,
        **new.content._asdict(),
        "answer_before": new.answer_before.isoformat(),
        "correlation_id": new.correlation_id,
        "traceparent": new.traceparent,
    }


def read_ask(message: dict[str, Any]) -> Waiting:
    """Return the request in a message. The sending process may run this version or the previous one."""
    answer_before = datetime.fromisoformat(message["answer_before"])
    return Waiting(
        pk=0,
        integration_id=message["integration"],
        request_id=message["request_id"],
        content=Content(**{name: message[name] for name in Content._fields}),
        send_before=answer_before,
        answer_before=answer_before,
        was_sent=False,
        correlation_id=message.get("correlation_id", ""),  # the previous version sends none
        traceparent=message.get("traceparent", ""),
    )
