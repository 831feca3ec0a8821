"""Describes requests to staff: state, outcome, timeline."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.safestring import SafeString

from integrations.models import MessageType, Request
from integrations.models.request import RequestState
from integrations.services.requests.retries import DISCONNECTS
from integrations.services.requests.summaries import pos_text
from integrations.staff.base.presentation import marked
from integrations.text.moments import span

SHAPES = {
    RequestState.QUEUED: "never-seen",
    RequestState.SENT: "never-seen",
    RequestState.ANSWERED: "online",
    RequestState.REFUSED: "refused",
    RequestState.EXPIRED: "offline",
    RequestState.CANCELLED: "ended",
    RequestState.FAILED: "disabled",
}


@dataclass(frozen=True)
class Moment:
    """One line of a request's timeline. `after` says how much time had passed since the request arrived."""

    at: datetime
    words: str
    after: str = ""
    is_limit: bool = False


def with_type_names(rows: QuerySet[Request]) -> QuerySet[Request]:
    """Add the name of each request's MessageType as `type_name`, looked up in the same query."""
    names = MessageType.objects.filter(number=OuterRef("message_type")).values("name")
    return rows.annotate(type_name=Subquery(names))


def type_of(row: Request) -> str:
    """Return the name and number of the MessageType; the row must come from with_type_names."""
    name: str | None = row.type_name  # type: ignore[attr-defined]
    return f"{name} ({row.message_type})" if name else f"MessageType {row.message_type}"


def request_badge(row: Request) -> SafeString:
    """Return the state as a badge with its symbol."""
    return marked(row.get_state_display(), SHAPES[RequestState(row.state)])


def outcome(row: Request, *, with_content: bool) -> str:
    """Return a sentence that explains the state of a request, or "" if the state needs no explanation.

    `with_content` says whether the viewer may read answers. The POS's ErrorMessage is part of its answer.
    """
    if row.state == RequestState.EXPIRED:
        return "The POS did not answer in time." if row.sent_at else "The POS was offline or busy: never sent."
    if row.state == RequestState.FAILED:
        return pos_text(row.failure)
    if row.state == RequestState.REFUSED:
        if not with_content:
            return ""
        return f"The POS says: “{pos_text(row.error_message)}”" if row.error_message else "The POS gave no reason."
    return _suspicion(row) if row.is_open and row.disconnects else ""


def _suspicion(row: Request) -> str:
    times = "once" if row.disconnects == 1 else f"{row.disconnects} times"
    return (
        f"The POS's connection ended {times} after this request was sent. "
        f"The portal sends it again automatically, after the other requests. After {DISCONNECTS} times it fails."
    )


def time_line(row: Request, now: datetime) -> list[Moment]:
    """Return the request's events so far, and its deadlines, in chronological order."""
    moments = [Moment(row.received_at, "Received from your systems" if row.api_key_id else "Requested in the portal")]
    if row.stored_at:
        moments.append(Moment(row.stored_at, "Saved", _after(row, row.stored_at)))
    if row.sent_at:
        moments.append(Moment(row.sent_at, _sending(row), _after(row, row.sent_at)))
    if row.last_sent_at and row.times_sent > 1:
        words = f"Sent again; {row.times_sent} times in all"
        moments.append(Moment(row.last_sent_at, words, _after(row, row.last_sent_at)))
    if row.ended_at:
        moments.append(Moment(row.ended_at, row.get_state_display(), _after(row, row.ended_at)))
    moments += [_limit_of_sending(row, now), _limit_of_answer(row, now)]
    return sorted(moments, key=lambda moment: moment.at)


def _sending(row: Request) -> str:
    if row.times_sent <= 1:
        return "Sent to the POS"
    # Rows written by an older version of the portal do not hold the time of the last sending.
    return "First sent to the POS" if row.last_sent_at else f"First sent to the POS; {row.times_sent} times in all"


def _limit_of_sending(row: Request, now: datetime) -> Moment:
    is_due = row.state == RequestState.QUEUED and row.send_before > now
    words = "Expires unless it was sent by then" if is_due else "Send before"
    return Moment(row.send_before, words, is_limit=True)


def _limit_of_answer(row: Request, now: datetime) -> Moment:
    is_due = row.is_open and row.answer_before > now
    words = "Expires unless it was answered by then" if is_due else "Answer before"
    return Moment(row.answer_before, words, is_limit=True)


def _after(row: Request, at: datetime) -> str:
    return f"after {span(at - row.received_at)}"
