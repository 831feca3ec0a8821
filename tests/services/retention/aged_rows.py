"""Create rows of a given age, and return the rows that retention keeps."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import time_machine
from django.test import override_settings

from integrations.models import AuditEvent, AuthAttempt, Connection, Request, ServerProcess, UnrecognisedFrame
from integrations.models.attempt import Outcome, PosEndpoint, UnrecognisedFrameKind
from integrations.models.audit import Verb
from integrations.models.request import RequestState
from integrations.models.retention import RecordKind
from integrations.services.audit import record
from integrations.services.requests import contents
from integrations.services.requests.contents import Content
from integrations.services.retention import retention
from tests.support.factories import ANNA, NOON, Enabled

PAYLOAD, ROW, VISIT = timedelta(days=14), timedelta(days=90), timedelta(days=90)
MOMENT = timedelta(seconds=1)
ALL_FOR_EVER = override_settings(
    KEEP_PAYLOAD_DAYS=0, KEEP_REQUEST_DAYS=0, KEEP_CONNECTION_DAYS=0, KEEP_AUDIT_DAYS=0
)  # fmt: skip


def ask(enabled: Enabled, ended_at: datetime | None = NOON, **values: Any) -> Request:
    """Create a request that ended at `ended_at`, or that is still open if `ended_at` is None."""
    received_at = (ended_at or NOON) - timedelta(days=200)
    content = Content(1, "kiosk-1", None, '{"PIN": "73519"}')
    kept = contents.keep_request(None, content.payload)
    row = {
        "integration": enabled.integration,
        "request_id": str(uuid.uuid4()),
        "message_type": 1,
        "device_id": "kiosk-1",
        "payload": kept.payload,
        "sealed_request": None if ended_at else kept.sealed,
        "content_digest": contents.digest(content),
        "received_at": received_at,
        "send_before": received_at,
        "answer_before": received_at,
        "state": RequestState.ANSWERED if ended_at else RequestState.QUEUED,
        "ended_at": ended_at,
        "answer": "{}",
        "sealed_answer": contents.keep_answer(None, '{"PIN": "73519"}').sealed,
        "is_redacted": True,
    }
    return Request.objects.create(**(row | values))


def connect(enabled: Enabled, opened_at: datetime, closed_at: datetime | None, process: ServerProcess) -> Connection:
    return Connection.objects.create(
        integration=enabled.integration,
        credential=enabled.integration.current_credential(),
        generation=1,
        process=process,
        opened_at=opened_at,
        closed_at=closed_at,
    )


def attempt(at: datetime) -> AuthAttempt:
    return AuthAttempt.objects.create(at=at, endpoint=PosEndpoint.AUTH, outcome=Outcome.UNKNOWN_OUTLET)


def unrecognised_frame(enabled: Enabled, at: datetime) -> UnrecognisedFrame:
    values = {"connection_id": uuid.uuid4(), "kind": UnrecognisedFrameKind.NOT_JSON, "size": 1, "excerpt": "x"}
    return UnrecognisedFrame.objects.create(integration=enabled.integration, at=at, **values)


def audit_event(at: datetime) -> AuditEvent:
    with time_machine.travel(at, tick=False):
        return record(Verb.PRUNED, "something", actor=ANNA)


def prune(kind: RecordKind) -> None:
    """Prune records of this kind, in batches, until none is due at noon."""
    while retention.prune_batch(kind, NOON):
        pass


def remaining_pks(model: Any) -> list[Any]:
    return list(model.objects.order_by("pk").values_list("pk", flat=True))
