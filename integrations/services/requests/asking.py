"""Requests that staff send to an outlet's POS, stored together with their audit event. The relay sends them.

They are stored in the same table as requests from the API. So each RequestID is sent once, whichever process has the
POS connection. The staff page need not wait, because the answer will be in the request's row.
"""

import uuid
from dataclasses import dataclass, field

from django.db import transaction

from integrations.models import Integration, MessageType
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.services import wake
from integrations.services.audit import Actor, record
from integrations.services.errors import PortalError, refuse_if
from integrations.services.requests import storing
from integrations.services.requests.contents import Content
from integrations.services.requests.errors import (
    MessageTypeUnnumbered,
    NotAsked,
)
from integrations.services.requests.request_types import (
    NewRequest,
    NotStored,
    Stored,
)

DEVICE_ID = "portal"
HARMLESS = "GetOpenOrders"
HARMLESS_PAYLOAD = '{"ServiceModeEntityID": "", "UserOrdersOnly": false}'
UNRESPONSIVE_SECONDS = 20  # after this time without an answer, the POS counts as unresponsive


@dataclass(frozen=True, slots=True)
class Question:
    """A request that staff want to send.

    Without `expires_in`, the POS must be connected now, and the request is sent within `wait` seconds or not at all.
    With `expires_in`, the request waits up to that many seconds for the POS to connect. The answer must arrive within
    `answer_seconds` (0: the usual limit). If `is_durable` is false, the request is not stored before it is sent, and
    its answer must arrive within `wait` seconds.
    """

    request_id: str
    content: Content = field(repr=False)
    wait: int = 30
    expires_in: int = 0
    answer_seconds: int = 0
    is_durable: bool = True
    correlation_id: str = ""


def obstacle_to_asking(integration: Integration) -> PortalError | None:
    """Return why staff cannot send the POS a request now, or None."""
    return None if integration.is_enabled else NotAsked()


def ask_pos(integration: Integration, question: Question, *, actor: Actor, verb: Verb = Verb.POS_ASKED) -> int:
    """Store a request for the POS and return its primary key.

    If the RequestID was used before with the same content, store nothing and return the key of that earlier request.

    Raises NotAsked, PosNotConnected, PosBusy or AskedOtherwise; then nothing is sent.
    """
    with transaction.atomic():
        integration = integration.locked()
        refuse_if(obstacle_to_asking(integration))
        new = new_request(integration, question)
        outcome = storing.store([new])[new]
        if isinstance(outcome, Stored) and outcome.is_new:
            record_asked(integration, question, actor=actor, verb=verb)
            wake.on_commit(integration.pk)
    # Raise after the transaction. If the RequestID was reused with different content, store() has counted that, and a
    # rollback would undo the count.
    if isinstance(outcome, NotStored):
        raise outcome.refusal
    return outcome.pk


def record_asked(integration: Integration, question: Question, *, actor: Actor, verb: Verb = Verb.POS_ASKED) -> None:
    """Write the audit event of a request."""
    named = {"message_type": name_of(question.content.message_type), "request_id": question.request_id}
    record(verb, integration, actor=actor, **named)


def check_outlet(integration: Integration, *, request_id: str, actor: Actor) -> int:
    """Ask the POS for its open orders, which changes nothing. Raises MessageTypeUnnumbered or the errors of ask_pos."""
    number = harmless_number()
    if number is None:
        raise MessageTypeUnnumbered
    content = Content(message_type=number, device_id=DEVICE_ID, user_identifier=None, payload=HARMLESS_PAYLOAD)
    question = Question(request_id, content, wait=UNRESPONSIVE_SECONDS, answer_seconds=UNRESPONSIVE_SECONDS)
    return ask_pos(integration, question, actor=actor, verb=Verb.OUTLET_CHECKED)


def harmless_number() -> int | None:
    """Return the number of GetOpenOrders, or None if it has not been entered yet."""
    return MessageType.objects.filter(name=HARMLESS).values_list("number", flat=True).first()


def name_of(number: int) -> str:
    """Return the portal's name of a MessageType, with its number."""
    known = MessageType.objects.filter(number=number).first()
    return str(known) if known else f"MessageType {number}"


def new_request(integration: Integration, question: Question) -> NewRequest:
    """Return the request to store or to send."""
    return NewRequest.of(
        question.content,
        received_at=shared_now(),
        wait=question.wait,
        expires_in=question.expires_in,
        answer_seconds=question.answer_seconds,
        is_durable=question.is_durable,
        integration_id=integration.pk,
        api_key_id=None,
        request_id=question.request_id,
        correlation_id=question.correlation_id or uuid.uuid4().hex,
    )
