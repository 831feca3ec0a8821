"""Sends a request from a member of staff to the POS at most once. The request is not stored until it has ended."""

import contextlib
from uuid import UUID

from django.db import transaction

from integrations.models import Integration
from integrations.relay import runtime
from integrations.relay.runtime import Runtime
from integrations.services.audit import Actor
from integrations.services.errors import refuse_if
from integrations.services.requests import asking
from integrations.services.requests.asking import Question
from integrations.services.requests.errors import PosNotConnected
from integrations.services.requests.request_types import NewRequest, NotStored

LOOP_SECONDS = 5.0  # longest wait for the event loop to begin the request; usually milliseconds


def ask_once(integration: Integration, question: Question, *, actor: Actor) -> UUID:
    """Send the request that a person entered on a page, and return the request's id.

    Call this from a thread, not from the event loop. The request's row is written when the request has ended. For
    a repetition of an earlier request (same RequestID), the id of that request is returned. Raises NotAsked,
    PosNotConnected, PosBusy or AskedOtherwise; then nothing is sent.
    """
    running = runtime.current()
    if running is None or running.is_draining:
        raise PosNotConnected
    new = asking.new_request(integration, question)
    try:
        if known := running.run_from_thread(_find(running, new), LOOP_SECONDS):
            return known
        _send_once(running, integration, question, new, actor)
    except NotStored as refused:
        raise refused.refusal from refused
    return new.uuid


def _send_once(running: Runtime, integration: Integration, question: Question, new: NewRequest, actor: Actor) -> None:
    """Write the audit event and send the request. A refusal rolls the event back."""
    with transaction.atomic():
        refuse_if(asking.obstacle_to_asking(integration.locked()))
        asking.record_asked(integration, question, actor=actor)
        # If the event loop does not answer in time, the request may have been sent. Its page shows what is recorded.
        with contextlib.suppress(TimeoutError):
            running.run_from_thread(running.transient_requests.begin(new), LOOP_SECONDS)


async def _find(running: Runtime, new: NewRequest) -> UUID | None:
    """Return the id of the request that already has this RequestID, or None. Raises NotStored."""
    underway = running.transient_requests.join(new)
    if underway is not None:
        return underway
    with running.transient_requests.looking_up(new):
        stored = await running.dispatcher.find_repeated(new)
    return stored.uuid if stored else None
