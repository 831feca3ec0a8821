"""Acts on many outlets as jobs: checked, confirmed, carried out in steps, their new secrets given once.

The worker claims its job and sends heartbeats. Before the first step it verifies that every row is still as it was
planned; if not, nothing is done. Each step is a transaction of at most STEP rows, together with the count of rows
written and their sealed secrets, and only for the holder of the claim. So a job whose worker was lost is claimed
again and goes on after the last step, no row is done twice, and nobody waits long for the write lock. If something
changed in the middle, the job ends as partly done and says how many rows were; their secrets can be downloaded.
"""

import csv
import io
import json
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import dateformat, timezone
from django.views.decorators.debug import sensitive_variables

from integrations.models import BulkJob, Outlet
from integrations.models.audit import Verb
from integrations.models.bulk_job import JobState, Kind
from integrations.models.clock import shared_now
from integrations.models.outlet import is_plain
from integrations.security import sealing
from integrations.services.audit import Actor, record
from integrations.services.bulk import acts as bulk_acts
from integrations.services.bulk import enabling as bulk_enabling
from integrations.services.bulk import file as bulk_file
from integrations.services.bulk import spreadsheet
from integrations.services.bulk.enabling import Enabled, May, Progress
from integrations.services.bulk.errors import JobMoved
from integrations.services.bulk.file import FileRow
from integrations.services.bulk.plan import STEP, PlannedRow, Verdict, WorldChanged, acting, count, steps
from integrations.services.errors import InvalidValue, PortalError
from integrations.services.keys import keys
from integrations.services.overlaps import OVERLAPS
from integrations.services.people import scope
from integrations.services.rows.chunks import chunks

ROWS, RESULT = "bulk rows", "bulk handover"
BEAT_SECONDS = 0.5
LOST_SECONDS = 30
KEPT_DAYS = 30
RIGHTS = {Kind.ENABLE: "integrations.add_integration"}
COLUMNS = (
    "Organisation",
    "Outlet",
    "ProviderOutletID",
    "POSRemoteID",
    "AuthSecret",
    "AuthURL",
    "WebsocketURL",
    "Note",
)

logger = logging.getLogger(__name__)


class NothingToDo(PortalError):
    message = "There is nothing here that would be done."


class RowsWrong(PortalError):
    message = "Some rows are wrong: correct the file and send it again. Nothing is done before all rows are right."


class KeyGone(PortalError):
    message = "What was kept for this cannot be read any more: CREDENTIAL_KEY was exchanged without its fallback."


class OutOfSight(PortalError):
    message = "You may not see all of these outlets any more, so their secrets are not for you. Ask an administrator."


class DownloadGone(PortalError):
    message = "The new secrets were downloaded already, or their time was over. Rotate those that nobody has."


@sensitive_variables()
def check_file(content: bytes, *, name: str, actor: Actor) -> BulkJob:
    """Check a file of outlets to enable, and keep it sealed until it is confirmed or dropped. Raises FileRefused."""
    rows = bulk_file.read_rows(content)
    plan = bulk_enabling.check(rows, _may(actor.user))
    return _make(Kind.ENABLE, plan, json.dumps([asdict(row) for row in rows]), name, actor)


def check_selection(kind: Kind, ids: Sequence[int], *, actor: Actor) -> BulkJob:
    """Check an act on these integrations, those that the person may see. Raises NothingToDo."""
    plan = bulk_acts.check(kind, ids, _organisations(actor.user))
    if not plan:
        raise NothingToDo("None of the chosen outlets is enabled for Order N Pay.")
    return _make(kind, plan, json.dumps([row.integration for row in plan]), "", actor)


def check_again(job: BulkJob, *, actor: Actor) -> None:
    """Look once more at what would be done, when the world or the rows changed. Raises JobMoved."""
    job.refresh_from_db()
    if job.state != JobState.CHECKED:
        raise JobMoved
    plan = _check(job, actor.user)  # before the transaction: it takes seconds for thousands of rows
    with transaction.atomic():
        job = _locked(job)
        if job.state != JobState.CHECKED:
            raise JobMoved
        _set_plan(job, plan)
        job.checked_for = _limit_of(actor.user)
        job.save()


@transaction.atomic
def confirm(job: BulkJob, *, reason: str = "", overlap: str = "0", actor: Actor) -> None:
    """Let a checked job be carried out. Raises JobMoved, NothingToDo, RowsWrong or InvalidValue."""
    job = _locked(job)
    if job.state != JobState.CHECKED or is_over(job):
        raise JobMoved
    if job.wrong:
        raise RowsWrong
    if not job.acting:
        raise NothingToDo
    job.options = _options(job, reason.strip(), overlap)
    job.state = JobState.WAITING
    job.save()
    record(Verb.BULK_CONFIRMED, job, actor=actor, outlets=job.acting, **job.options)


@transaction.atomic
def drop(job: BulkJob) -> None:
    """Erase a job that was not confirmed. Raises JobMoved."""
    if not BulkJob.objects.filter(pk=job.pk, state=JobState.CHECKED).update(
        state=JobState.DROPPED, sealed_input="", ended_at=shared_now(), message="It was dropped; nothing was done."
    ):
        raise JobMoved


@sensitive_variables()
@transaction.atomic
def take_result(job: BulkJob, *, actor: Actor) -> str:
    """Return the new secrets as CSV, this once, and erase them here. Raises DownloadGone."""
    job = _locked(job)
    if download_until(job) is None:
        raise DownloadGone
    text = _joined(job.sealed_result)
    _check_sight(text, actor.user)
    job.sealed_result, job.downloaded_at = "", shared_now()
    job.save(update_fields=["sealed_result", "downloaded_at"])
    record(Verb.BULK_DOWNLOADED, job, actor=actor, outlets=job.written or job.acting)
    return text


@sensitive_variables()
def _joined(sealed: str) -> str:
    """Return the results of all steps as one CSV text: each has the header, and it is wanted once."""
    first, *others = [_unsealed(part, RESULT) for part in sealed.splitlines()]
    return first + "".join(each.split("\r\n", 1)[1] for each in others)


@sensitive_variables()
def _check_sight(text: str, user: AbstractBaseUser | None) -> None:
    """Raise OutOfSight unless every outlet of a result is, at this moment, one that the person may see."""
    seen = _organisations(user)
    if seen is None:
        return
    ids = [spreadsheet.unguarded(row["ProviderOutletID"]) for row in csv.DictReader(io.StringIO(text))]
    for part in chunks(ids):
        if Outlet.objects.filter(provider_outlet_id__in=part, organisation__in=seen).count() != len(part):
            raise OutOfSight


def has_work() -> bool:
    """Return whether a job waits, or lost its worker."""
    return _claimable().exists()


def work() -> None:
    """Carry out what waits, one job after another."""
    while job := _claim():
        carry_out(job)


@sensitive_variables()
def carry_out(job: BulkJob) -> None:
    """Do a claimed job, or end it with the reason why it stopped; an unexpected fault is logged.

    A job that this process cannot read is left, for LOST_SECONDS, to a process that has its key.
    """
    try:
        _carry_out(job)
    except KeyGone as refusal:
        if is_over(job):
            _fail(job, str(refusal))
    except PortalError as refusal:
        _fail(job, str(refusal))
    except Exception as error:
        logger.exception("The bulk job %s failed.", job.pk)
        _fail(job, f"An error in the portal ({type(error).__name__}). Its log says more.")


def tidy() -> None:
    """Erase what waits too long: results, files that nobody confirmed; forget jobs of last month."""
    now = shared_now()
    over = now - timedelta(seconds=settings.BULK_KEPT_SECONDS)
    BulkJob.objects.filter(ended_at__lte=over).exclude(sealed_result="").update(
        sealed_result="", message="Nobody downloaded the new secrets in time: they are erased. Rotate these outlets."
    )
    BulkJob.objects.filter(state=JobState.CHECKED, made_at__lte=over).update(
        state=JobState.DROPPED, sealed_input="", ended_at=now, message="Nobody confirmed it in time; nothing was done."
    )
    BulkJob.objects.filter(ended_at__lte=now - timedelta(days=KEPT_DAYS)).delete()


def jobs_seen_by(user: AbstractBaseUser | AnonymousUser) -> QuerySet[BulkJob]:
    """Return the jobs that `user` may look at: all, or their own whose rows lie within what they see now."""
    seen = scope.organisations_of(user)
    if seen is None:
        return BulkJob.objects.all()
    own = BulkJob.objects.filter(user=user.pk, checked_for__isnull=False).values_list("pk", "checked_for")
    return BulkJob.objects.filter(pk__in=[pk for pk, checked_for in own if seen.issuperset(checked_for or ())])


def plan_of(job: BulkJob) -> list[PlannedRow]:
    return [PlannedRow.from_json(values) for values in job.plan]


def is_over(job: BulkJob) -> bool:
    """Whether a job waited too long: for its answer, or for a process that can read it."""
    return job.made_at + timedelta(seconds=settings.BULK_KEPT_SECONDS) <= shared_now()


def download_until(job: BulkJob) -> datetime | None:
    """Return until when the new secrets can be downloaded, or None when they cannot."""
    is_there = job.ended_at is not None and job.sealed_result
    return _result_end(job) if is_there and _result_end(job) > shared_now() else None


def right_of(kind: str) -> str:
    """Return the permission that an act of this kind needs."""
    return RIGHTS.get(Kind(kind), "integrations.change_integration")


@sensitive_variables()
def result_csv(enabled: Sequence[Enabled], note: str) -> str:
    """Return the values for PowerEPOS as CSV."""
    rows = [
        (
            each.organisation,
            each.outlet,
            *each.handover.as_wire().values(),
            note if each.handover.auth_secret else KEPT,
        )
        for each in enabled
    ]
    return spreadsheet.lines([COLUMNS, *rows])


KEPT = "the secret of the file"


def _make(kind: Kind, plan: Sequence[PlannedRow], sealed: str, source: str, actor: Actor) -> BulkJob:
    keys.choose_before_writing()
    job = BulkJob(
        kind=kind,
        checked_for=_limit_of(actor.user),
        user_id=actor.user.pk if actor.user else None,
        made_by=actor.name[:200],
        address=actor.address,
        source=source[:200],
        sealed_input=sealing.seal(sealed, purpose=ROWS),
    )
    _set_plan(job, plan)
    job.save()
    return job


def _set_plan(job: BulkJob, plan: Sequence[PlannedRow]) -> None:
    job.plan = [row.as_json() for row in plan]
    job.total, job.acting, job.wrong = len(plan), count(plan, Verdict.ACT), count(plan, Verdict.WRONG)


def _check(job: BulkJob, user: AbstractBaseUser | None) -> list[PlannedRow]:
    if job.kind == Kind.ENABLE:
        return bulk_enabling.check(_rows(job), _may(user))
    return bulk_acts.check(Kind(job.kind), _ids(job), _organisations(user))


@sensitive_variables()
def _rows(job: BulkJob) -> list[FileRow]:
    return [FileRow(**values) for values in json.loads(_unsealed(job.sealed_input, ROWS))]


@sensitive_variables()
def _unsealed(sealed: str, purpose: str) -> str:
    try:
        return sealing.unseal(sealed, purpose=purpose)
    except sealing.SealBroken as error:
        raise KeyGone from error


def _ids(job: BulkJob) -> list[int]:
    ids: list[int] = json.loads(_unsealed(job.sealed_input, ROWS))
    return ids


def _options(job: BulkJob, reason: str, overlap: str) -> dict[str, Any]:
    if reason and (len(reason) > 200 or not is_plain(reason)):
        raise InvalidValue("reason", "Give the reason in one line of up to 200 characters.")
    if job.kind == Kind.DISABLE and not reason:
        raise InvalidValue("reason", "Give a reason: it is what your colleagues will see.")
    if job.kind == Kind.ROTATE:
        return {"overlap": overlap if overlap in OVERLAPS else "0"}
    return {"reason": reason} if reason else {}


def _may(user: AbstractBaseUser | None) -> May:
    if not isinstance(user, User):
        return May()
    return May(
        scope.organisations_of(user),
        # Whoever is limited could not see the organisation that they made.
        user.has_perm("integrations.add_organisation") and not scope.is_limited(user),
        user.has_perm("integrations.add_outlet"),
    )


def _limit_of(user: AbstractBaseUser | None) -> list[int] | None:
    seen = _organisations(user)
    return None if seen is None else sorted(seen)


def _organisations(user: AbstractBaseUser | None) -> frozenset[int] | None:
    return scope.organisations_of(user) if user else None


def _locked(job: BulkJob) -> BulkJob:
    return BulkJob.objects.select_for_update(of=("self",)).select_related("user").get(pk=job.pk)


def _result_end(job: BulkJob) -> datetime:
    return (job.ended_at or job.made_at) + timedelta(seconds=settings.BULK_KEPT_SECONDS)


def _claimable() -> QuerySet[BulkJob]:
    lost = Q(state=JobState.RUNNING, heartbeat_at__lte=shared_now() - timedelta(seconds=LOST_SECONDS))
    return BulkJob.objects.filter(Q(state=JobState.WAITING) | lost)


def _claim() -> BulkJob | None:
    for pk in _claimable().order_by("made_at").values_list("pk", flat=True)[:5]:
        claim = uuid.uuid4()
        values = {"state": JobState.RUNNING, "claim": claim, "heartbeat_at": shared_now(), "prepared": F("written")}
        if _claimable().filter(pk=pk).update(**values):
            return BulkJob.objects.select_related("user").get(pk=pk)
    return None


def _carry_out(job: BulkJob) -> None:
    user = _user_now(job)
    actor = Actor(job.made_by, user, job.address)
    beat = _Beat(job)
    if job.kind == Kind.ENABLE:
        _enable(job, actor, beat)
    elif job.kind == Kind.ROTATE:
        _rotate(job, actor, beat)
    else:
        _switch(job, actor)


@sensitive_variables()
def _enable(job: BulkJob, actor: Actor, beat: Progress) -> None:
    rows, may, todo = _rows(job), _may(actor.user), _todo(job)
    bulk_enabling.verify(rows, todo, may)
    prepared = bulk_enabling.prepare(rows, todo, beat)
    for part in steps(prepared, STEP):
        with transaction.atomic():
            _hold_claim(job)
            enabled = bulk_enabling.write(rows, part, may, actor=actor)
            _step(job, len(part), result_csv(enabled, "a new secret") if _has_new(enabled) else "")
    _finish(job)


@sensitive_variables()
def _rotate(job: BulkJob, actor: Actor, beat: Progress) -> None:
    overlap, todo = job.options["overlap"], _todo(job)
    bulk_acts.verify(Kind.ROTATE, todo, _organisations(actor.user))
    for part in steps(bulk_acts.make_secrets(todo, beat), STEP):
        with transaction.atomic():
            _hold_claim(job)
            rotated = bulk_acts.rotate(part, _organisations(actor.user), overlap=overlap, actor=actor)
            _step(job, len(part), result_csv(rotated, _note_on_rotation(overlap)))
    _finish(job)


def _switch(job: BulkJob, actor: Actor) -> None:
    act = bulk_acts.disable if job.kind == Kind.DISABLE else bulk_acts.reenable
    todo, reason = _todo(job), job.options.get("reason", "")
    bulk_acts.verify(Kind(job.kind), todo, _organisations(actor.user))
    for part in steps(todo, STEP):
        with transaction.atomic():
            _hold_claim(job)
            act(part, _organisations(actor.user), reason=reason, actor=actor)
            _step(job, len(part), "")
    _finish(job)


def _todo(job: BulkJob) -> list[PlannedRow]:
    """Return the rows that no step has done: a worker before this one may have been lost in the middle."""
    return acting(plan_of(job))[job.written :]


def _has_new(enabled: Sequence[Enabled]) -> bool:
    return any(each.handover.auth_secret for each in enabled)


def _note_on_rotation(overlap: str) -> str:
    if not OVERLAPS[overlap]:
        return "a new secret; the old one is void"
    until = timezone.localtime(shared_now() + OVERLAPS[overlap])
    return f"a new secret; the old one works until {dateformat.format(until, 'j M Y, H:i T')}"


def _user_now(job: BulkJob) -> AbstractBaseUser | None:
    """Return who confirmed the job, as they are now. Raises WorldChanged when they may not do it any more."""
    user = job.user
    if user is None or not user.is_active or not user.has_perm(right_of(job.kind)):
        raise WorldChanged("The person who confirmed this may not do it any more.")
    return user


class _Beat:
    """Says how far a job is and that its worker lives, twice a second at most."""

    def __init__(self, job: BulkJob) -> None:
        self._job, self._next = job, 0.0

    def __call__(self, prepared: int) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + BEAT_SECONDS
        mine = BulkJob.objects.filter(pk=self._job.pk, claim=self._job.claim, state=JobState.RUNNING)
        if not mine.update(prepared=prepared, heartbeat_at=shared_now()):
            raise WorldChanged("Another server process took this over.")


def _hold_claim(job: BulkJob) -> None:
    """Lock the job for its last transaction. Raises WorldChanged when another has it."""
    mine = BulkJob.objects.select_for_update().filter(pk=job.pk, claim=job.claim, state=JobState.RUNNING)
    if not list(mine.values_list("pk")):
        raise WorldChanged("Another server process took this over.")


@sensitive_variables()
def _step(job: BulkJob, count: int, result: str) -> None:
    """Note a step in its own transaction: how far the job is, and the new secrets."""
    values: dict[str, Any] = {"written": F("written") + count, "heartbeat_at": shared_now()}
    if result:
        sealed = Value(sealing.seal(result, purpose=RESULT) + "\n")
        values["sealed_result"] = Concat(F("sealed_result"), sealed)
    BulkJob.objects.filter(pk=job.pk).update(**values)


def _finish(job: BulkJob) -> None:
    mine = BulkJob.objects.filter(pk=job.pk, claim=job.claim, state=JobState.RUNNING)
    mine.update(state=JobState.DONE, prepared=job.acting, sealed_input="", ended_at=shared_now())


def _fail(job: BulkJob, message: str) -> None:
    mine = BulkJob.objects.filter(pk=job.pk, claim=job.claim, state=JobState.RUNNING)
    written = mine.values_list("written", flat=True).first()
    state = JobState.PARTLY if written else JobState.FAILED
    done = f" {written:,} of {job.acting:,} rows were done before." if written else " Nothing was done."
    mine.update(state=state, sealed_input="", ended_at=shared_now(), message=message + done)
