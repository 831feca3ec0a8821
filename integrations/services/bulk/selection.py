"""Disable, enable again and rotate many integrations: what would become of each, then some rows at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from django.views.decorators.debug import sensitive_variables

from integrations.models import Credential, Integration
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.security import secret_digests
from integrations.security.secret_digests import Digest, SecretKind
from integrations.services import wake
from integrations.services.audit import Actor, record_many
from integrations.services.bulk.enabling import BATCH, Enabled
from integrations.services.bulk.plan import BulkAction, PlannedRow, Verdict, WorldChanged, acting
from integrations.services.handover import links as handover_links
from integrations.services.handover.handover import HandOver
from integrations.services.integration import demo_secrets, pos_secrets
from integrations.services.keys import keys
from integrations.services.overlaps import OVERLAPS
from integrations.services.rows.chunks import chunks


@dataclass(frozen=True, slots=True)
class NewSecret:
    """The next secret of an integration."""

    planned: PlannedRow
    digest: Digest
    secret: str = field(repr=False)


def check(action: BulkAction, ids: Sequence[int], organisations: frozenset[int] | None) -> list[PlannedRow]:
    """Return what would become of each integration that the person may see, in the order of their names."""
    now = shared_now()
    rows = [_plan(action, each, now) for part in chunks(ids) for each in _read(part, organisations)]
    return sorted(rows, key=lambda row: (row.organisation, row.outlet))


def make_secrets(plan: Sequence[PlannedRow]) -> list[NewSecret]:
    """Generate a secret for each row that is to be rotated."""
    made: list[NewSecret] = []
    keys.choose_before_writing()
    for planned in acting(plan):
        secret = secret_digests.generate(SecretKind.POS_SECRET)
        made.append(NewSecret(planned, secret_digests.digest_generated(SecretKind.POS_SECRET, secret), secret))
    return made


@transaction.atomic
def disable(plan: Sequence[PlannedRow], organisations: frozenset[int] | None, *, reason: str, actor: Actor) -> None:
    """Refuse their POSes from now on and close their sockets. Raises WorldChanged."""
    rows = _locked(BulkAction.DISABLE, plan, organisations)
    _update(rows, is_enabled=False, disabled_reason=reason, generation=F("generation") + 1)
    handover_links.take_back(rows, reason="the integration was disabled", actor=actor)
    record_many(Verb.DISABLED, [(each, {"reason": reason}) for each in rows], actor=actor)


@transaction.atomic
def reenable(plan: Sequence[PlannedRow], organisations: frozenset[int] | None, *, reason: str, actor: Actor) -> None:
    """Let their POSes in again, with the secrets that they have. Raises WorldChanged."""
    rows = _locked(BulkAction.REENABLE, plan, organisations)
    _update(rows, is_enabled=True, disabled_reason="")
    record_many(Verb.REENABLED, [(each, {"reason": reason}) for each in rows], actor=actor)


@sensitive_variables()
def rotate(
    made: Sequence[NewSecret], organisations: frozenset[int] | None, *, overlap: str, actor: Actor
) -> list[Enabled]:
    """Replace their secrets; the old ones work on for `overlap` (see OVERLAPS). Raises WorldChanged."""
    try:
        with transaction.atomic():
            return _rotate(made, organisations, overlap, actor)
    except IntegrityError as error:
        raise WorldChanged from error


@sensitive_variables()
def _rotate(
    made: Sequence[NewSecret], organisations: frozenset[int] | None, overlap: str, actor: Actor
) -> list[Enabled]:
    by_integration = {each.planned.integration: each for each in made}
    rows = _locked(BulkAction.ROTATE, [each.planned for each in made], organisations)
    olds = _current(rows)
    _supersede([each.pk for each in olds.values()], overlap)
    generation = {} if OVERLAPS[overlap] else {"generation": F("generation") + 1}
    _update(rows, **generation)
    handover_links.take_back(rows, reason="the secret was rotated", actor=actor)
    Credential.objects.bulk_create(
        [pos_secrets.credential_of(each, by_integration[each.pk].digest, actor=actor) for each in rows],
        batch_size=BATCH,
    )
    record_many(
        Verb.SECRET_ROTATED, [(each, _detail(by_integration, olds, each, overlap)) for each in rows], actor=actor
    )
    for each in rows:
        demo_secrets.keep_on_commit(each.outlet.provider_outlet_id, AuthSecret=by_integration[each.pk].secret)
    return [
        Enabled(each.outlet.organisation.name, each.outlet.name, HandOver.of(each, by_integration[each.pk].secret))
        for each in rows
    ]


def _detail(
    made: Mapping[int, NewSecret], olds: Mapping[int, Credential], row: Integration, overlap: str
) -> dict[str, str]:
    return {"overlap": overlap, "shown": made[row.pk].digest.shown, "replaced": olds[row.pk].shown}


def _read(ids: Sequence[int], organisations: frozenset[int] | None) -> list[Integration]:
    rows = Integration.objects.filter(pk__in=ids).select_related("outlet__organisation")
    if organisations is not None:
        rows = rows.filter(outlet__organisation__in=organisations)
    return list(rows.prefetch_related("credentials"))


def _plan(action: BulkAction, row: Integration, now: datetime) -> PlannedRow:
    verdict, words = _JUDGES[action](row, now)
    current = next(each for each in row.credentials.all() if each.is_current)
    return PlannedRow(
        0, verdict, words, row.outlet.organisation.name, row.outlet.name, row.pos_remote_id,
        row.outlet.provider_outlet_id, row.pk, (current.pk, row.generation),
    )  # fmt: skip


def _judge_disabling(row: Integration, _now: datetime) -> tuple[Verdict, str]:
    if not row.is_enabled:
        return Verdict.SKIP, f"It is disabled already: {row.disabled_reason}"
    return Verdict.ACT, "Disable it: its POS is cut off and refused."


def _judge_enabling(row: Integration, _now: datetime) -> tuple[Verdict, str]:
    if row.is_enabled:
        return Verdict.SKIP, "It is enabled already."
    return Verdict.ACT, f"Enable it again. It was disabled: {row.disabled_reason}"


def _judge_rotating(row: Integration, now: datetime) -> tuple[Verdict, str]:
    if any(each.is_in_overlap(now) for each in row.credentials.all()):
        return Verdict.SKIP, "An older secret still works: end its overlap first."
    words = "Make a new secret." if row.is_enabled else "Make a new secret. It is disabled, and stays so."
    return Verdict.ACT, words


_JUDGES: Mapping[BulkAction, Callable[[Integration, datetime], tuple[Verdict, str]]] = {
    BulkAction.DISABLE: _judge_disabling,
    BulkAction.REENABLE: _judge_enabling,
    BulkAction.ROTATE: _judge_rotating,
}


def verify(action: BulkAction, plan: Sequence[PlannedRow], organisations: frozenset[int] | None) -> list[Integration]:
    """Return the integrations to act on. Raises WorldChanged unless all are as they were planned."""
    now = shared_now()
    rows = [each for part in chunks([row.integration for row in acting(plan)]) for each in _read(part, organisations)]
    if {_plan(action, each, now) for each in rows} != set(acting(plan)):
        raise WorldChanged
    return rows


def _locked(action: BulkAction, plan: Sequence[PlannedRow], organisations: frozenset[int] | None) -> list[Integration]:
    """Return the integrations to act on, locked. Raises WorldChanged unless all are as they were planned."""
    ids = sorted(row.integration for row in acting(plan))
    for part in chunks(ids):
        list(Integration.objects.select_for_update(no_key=True).filter(pk__in=part).order_by("pk"))
    return verify(action, plan, organisations)


def _update(rows: Sequence[Integration], **values: object) -> None:
    now = shared_now()
    for part in chunks([each.pk for each in rows]):
        Integration.objects.filter(pk__in=part).update(changed_at=now, **values)
    if rows:  # one call is enough: whoever is woken looks for all that changed
        wake.on_commit(rows[0].pk)


def _current(rows: Sequence[Integration]) -> dict[int, Credential]:
    return {row.pk: next(each for each in row.credentials.all() if each.is_current) for row in rows}


def _supersede(ids: Sequence[int], overlap: str) -> None:
    now = shared_now()
    for part in chunks(ids):
        Credential.objects.filter(pk__in=part).supersede(now, OVERLAPS[overlap])
