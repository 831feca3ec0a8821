"""Enable many outlets: check a file against the database, make the digests, then write some rows at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from django.db import IntegrityError, transaction
from django.views.decorators.debug import sensitive_variables

from integrations.models import Credential, Integration, Organisation, Outlet, Presence
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.fields.texts import complaint_about
from integrations.models.outlet import is_plain, new_provider_outlet_id
from integrations.security import secret_digests
from integrations.security.secret_digests import Digest, SecretKind
from integrations.services.audit import Actor, record_many
from integrations.services.bulk.file import WRITTEN, FileRow
from integrations.services.bulk.near_names import NearNames
from integrations.services.bulk.plan import PlannedRow, RowRefused, Verdict, WorldChanged, acting
from integrations.services.bulk.repeated import RepeatedValues
from integrations.services.errors import PortalError
from integrations.services.handover.handover import HandOver
from integrations.services.integration import pos_secrets
from integrations.services.keys import keys
from integrations.services.rows.chunks import CHUNK, chunks
from integrations.text.characters import hidden_within, identity

LENGTHS = {"organisation": 200, "outlet": 200, "pos_remote_id": 128, "provider_outlet_id": 64}
BATCH = 500


@dataclass(frozen=True)
class May:
    """What the person who sends the file may do; `organisations` None means all of them."""

    organisations: frozenset[int] | None = None
    add_organisation: bool = True
    add_outlet: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """A row whose secret is made, or hashed."""

    planned: PlannedRow
    digest: Digest
    secret: str = field(repr=False)
    is_adopted: bool


@dataclass(frozen=True, slots=True)
class Enabled:
    """An outlet that was enabled; `secret` is empty where the file brought it."""

    organisation: str
    outlet: str
    handover: HandOver


def check(rows: Sequence[FileRow], may: May) -> list[PlannedRow]:
    """Return what would become of each row, and doubts; some ten queries for each 400 rows, and no slow hashing."""
    near = NearNames(rows, may.organisations)
    return [near.marked(planned, row) for planned, row in zip(_plan_of(rows, may), rows, strict=True)]


def _plan_of(rows: Sequence[FileRow], may: May) -> list[PlannedRow]:
    world = _World(rows)
    twice = RepeatedValues(rows)
    return [_plan(row, world, twice, may) for row in rows]


@sensitive_variables()
def prepare(rows: Sequence[FileRow], plan: Sequence[PlannedRow]) -> list[Prepared]:
    """Generate a secret for each row to be enabled, or hash the one it brings (some 100 ms); outside any transaction.

    Raises RowRefused.
    """
    by_number = {row.number: row for row in rows}
    keys.choose_before_writing()
    return [_prepare(planned, by_number[planned.number].adopted_secret) for planned in acting(plan)]


def verify(rows: Sequence[FileRow], planned: Sequence[PlannedRow], may: May) -> None:
    """Raise WorldChanged unless these rows of the file would be enabled now as they were planned.

    The words may differ: an organisation that was to be made may be there, made for an earlier row.
    """
    numbers = {row.number for row in planned}
    found = acting(_plan_of([row for row in rows if row.number in numbers], may))
    if [replace(row, words="") for row in found] != [replace(row, words="") for row in planned]:
        raise WorldChanged


@sensitive_variables()
def write(rows: Sequence[FileRow], prepared: Sequence[Prepared], may: May, *, actor: Actor) -> list[Enabled]:
    """Enable these in one transaction, if everything is as it was checked; at most STEP. Raises WorldChanged."""
    try:
        with transaction.atomic():
            verify(rows, [each.planned for each in prepared], may)
            return _write(prepared, actor)
    except IntegrityError as error:  # somebody else between the check and the row, or one secret twice
        raise WorldChanged from error


def _prepare(planned: PlannedRow, adopted: str) -> Prepared:
    if not adopted:
        secret = secret_digests.generate(SecretKind.POS_SECRET)
        return Prepared(
            planned, secret_digests.digest_generated(SecretKind.POS_SECRET, secret), secret, is_adopted=False
        )
    try:
        return Prepared(planned, pos_secrets.digest_of(adopted), "", is_adopted=True)
    except PortalError as refusal:
        raise RowRefused(f"Row {planned.number} ({planned.outlet}): {refusal}") from refusal


def _write(prepared: Sequence[Prepared], actor: Actor) -> list[Enabled]:
    organisations = _organisations(prepared, actor)
    outlets = _outlets(prepared, organisations, actor)
    integrations = Integration.objects.bulk_create(
        [
            Integration(outlet=outlet, pos_remote_id=each.planned.pos_remote_id, changed_at=shared_now())
            for each, outlet in zip(prepared, outlets, strict=True)
        ],
        batch_size=BATCH,
    )
    Presence.objects.bulk_create([Presence(integration=each) for each in integrations], batch_size=BATCH)
    Credential.objects.bulk_create(
        [
            pos_secrets.credential_of(integration, each.digest, actor=actor)
            for each, integration in zip(prepared, integrations, strict=True)
        ],
        batch_size=BATCH,
    )
    _record(prepared, integrations, actor)
    return [
        Enabled(each.planned.organisation, each.planned.outlet, HandOver.of(integration, each.secret))
        for each, integration in zip(prepared, integrations, strict=True)
    ]


def _record(prepared: Sequence[Prepared], integrations: Sequence[Integration], actor: Actor) -> None:
    pairs = list(zip(prepared, integrations, strict=True))
    record_many(
        Verb.ENABLED,
        [(row, {"pos_remote_id": row.pos_remote_id, "shown": each.digest.shown}) for each, row in pairs],
        actor=actor,
    )
    record_many(
        Verb.SECRET_ADOPTED,
        [(row, {"bits": each.digest.bits}) for each, row in pairs if each.is_adopted],
        actor=actor,
    )


def _organisations(prepared: Sequence[Prepared], actor: Actor) -> dict[str, Organisation]:
    names = list(dict.fromkeys(each.planned.organisation for each in prepared))
    found = _organisations_named(names)
    made = Organisation.objects.bulk_create(
        [Organisation(name=name) for name in names if name not in found], batch_size=BATCH
    )
    record_many(Verb.ORGANISATION_CREATED, [(each, {}) for each in made], actor=actor)
    return found | {each.name: each for each in made}


def _outlets(prepared: Sequence[Prepared], organisations: dict[str, Organisation], actor: Actor) -> list[Outlet]:
    found = _outlets_named([(each.planned.organisation, each.planned.outlet) for each in prepared])
    new = [
        Outlet(
            organisation=organisations[each.planned.organisation],
            name=each.planned.outlet,
            provider_outlet_id=each.planned.provider_outlet_id or new_provider_outlet_id(),
        )
        for each in prepared
        if (each.planned.organisation, each.planned.outlet) not in found
    ]
    made = Outlet.objects.bulk_create(new, batch_size=BATCH)
    record_many(
        Verb.OUTLET_CREATED, [(each, {"provider_outlet_id": each.provider_outlet_id}) for each in made], actor=actor
    )
    found |= {(each.organisation.name, each.name): each for each in made}
    return [found[each.planned.organisation, each.planned.outlet] for each in prepared]


class _World:
    """What the database holds of what the rows name."""

    def __init__(self, rows: Sequence[FileRow]) -> None:
        rows = [row for row in rows if not _fault_of_form(row)]
        self.organisations = {
            name: each.pk for name, each in _organisations_named(list({row.organisation for row in rows})).items()
        }
        self.outlets = _outlets_named([(row.organisation, row.outlet) for row in rows])
        self.remote_ids = set(_found(Integration, "match_id", [identity(row.pos_remote_id) for row in rows]))
        provider_ids = [identity(row.provider_outlet_id) for row in rows if row.provider_outlet_id]
        self.provider_ids = set(_found(Outlet, "match_id", provider_ids))
        self.digests = set(_found(Credential, "digest", [each for row in rows for each in _digests(row)]))


def _organisations_named(names: Sequence[str]) -> dict[str, Organisation]:
    return {each.name: each for part in chunks(names) for each in Organisation.objects.filter(name__in=part)}


def _outlets_named(keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Outlet]:
    found: dict[tuple[str, str], Outlet] = {}
    for part in chunks(keys, CHUNK // 2):
        rows = Outlet.objects.filter(
            organisation__name__in={organisation for organisation, _ in part}, name__in={outlet for _, outlet in part}
        )
        for outlet in rows.select_related("organisation", "integration"):
            found[outlet.organisation.name, outlet.name] = outlet
    return found


def _found(
    model: type[Integration] | type[Outlet] | type[Credential], field_name: str, values: Sequence[str]
) -> Iterable[str]:
    for part in chunks(values):
        yield from model.objects.filter(**{f"{field_name}__in": part}).values_list(field_name, flat=True)


def _digests(row: FileRow) -> list[str]:
    canonical = pos_secrets.recognise(row.adopted_secret) if row.adopted_secret else None
    return secret_digests.keyed_digests(canonical) if canonical else []


def _plan(row: FileRow, world: _World, twice: RepeatedValues, may: May) -> PlannedRow:
    if fault := _fault_of_form(row) or twice.fault(row) or _fault_of_right(row, world, may):
        return _planned(row, Verdict.WRONG, fault)
    outlet = world.outlets.get((row.organisation, row.outlet))
    integration: Integration | None = getattr(outlet, "integration", None)
    if outlet is not None and _has_another_id(row, outlet):
        fault = f"The outlet is there with the ProviderOutletID {outlet.provider_outlet_id}: write that, or nothing."
        return _planned(row, Verdict.WRONG, fault)
    if outlet is not None and integration is not None:
        return _plan_of_enabled(row, outlet, integration)
    if fault := _taken(row, outlet, world):
        return _planned(row, Verdict.WRONG, fault)
    return _planned(row, Verdict.ACT, _deed(row, outlet, world), outlet)


def _has_another_id(row: FileRow, outlet: Outlet) -> bool:
    sent = identity(row.provider_outlet_id)
    return sent not in ("", outlet.match_id)


def _plan_of_enabled(row: FileRow, outlet: Outlet, integration: Integration) -> PlannedRow:
    if identity(integration.pos_remote_id) != identity(row.pos_remote_id):
        fault = (
            f"It is enabled already, with the POSRemoteID {integration.pos_remote_id}: "
            "change that on its page, or take the row out."
        )
        return _planned(row, Verdict.WRONG, fault)
    words = "It is enabled already, with this POSRemoteID: it stays as it is."
    if not integration.is_enabled:
        words = "It is there with this POSRemoteID and disabled: it stays so. Enable it again from its page."
    return _planned(row, Verdict.SKIP, f"{words} Its secret stays too." if row.adopted_secret else words, outlet)


def _taken(row: FileRow, outlet: Outlet | None, world: _World) -> str:
    if identity(row.pos_remote_id) in world.remote_ids:
        return "Another outlet's integration has this POSRemoteID: ask PowerEPOS which of the two is right."
    if outlet is None and identity(row.provider_outlet_id) in world.provider_ids:
        return "Another outlet has this ProviderOutletID: correct it, or leave the cell empty for a new one."
    if any(digest in world.digests for digest in _digests(row)):
        return "This secret is, or was, another credential's: leave the cell empty, and a new one is made."
    return ""


def _deed(row: FileRow, outlet: Outlet | None, world: _World) -> str:
    secret = "with the secret of the file" if row.adopted_secret else "with a new secret"
    if outlet is not None:
        return f"Enable it, {secret}."
    if row.organisation not in world.organisations:
        return f"Make the organisation and the outlet, enable it, {secret}."
    return f"Make the outlet, enable it, {secret}."


def _fault_of_right(row: FileRow, world: _World, may: May) -> str:
    """Return what this person may not do; of an organisation out of their sight it does not say whether it is."""
    organisation = world.organisations.get(row.organisation)
    if may.organisations is not None and organisation not in may.organisations:
        return "This is none of the organisations that you work with: ask an administrator."
    if organisation is None and not may.add_organisation:
        return "There is no organisation of this name, and you may not add one: correct it, or ask an administrator."
    if (row.organisation, row.outlet) not in world.outlets and not may.add_outlet:
        return "The organisation has no outlet of this name, and you may not add one: ask an administrator."
    return ""


def _fault_of_form(row: FileRow) -> str:
    if row.fault:
        return row.fault
    for name, longest in LENGTHS.items():
        value: str = getattr(row, name)
        if not value and name != "provider_outlet_id":
            return f"{WRITTEN[name]} is empty: fill it in."
        if len(value) > longest:
            return f"{WRITTEN[name]} has {len(value)} characters; {longest} are allowed."
        if hidden := hidden_within(value):
            return f"{WRITTEN[name]}: {complaint_about(hidden)}"
        if value and not is_plain(value):
            return f"{WRITTEN[name]} holds a control character or a line break: type it anew."
    return _fault_of_secret(row.adopted_secret)


def _fault_of_secret(secret: str) -> str:
    try:
        if secret:
            pos_secrets.recognise(secret)
    except PortalError as refusal:
        return f"{refusal} Leave the cell empty, and a strong one is made."
    return ""


def _planned(row: FileRow, verdict: Verdict, words: str, outlet: Outlet | None = None) -> PlannedRow:
    return PlannedRow(
        row.number,
        verdict,
        words,
        row.organisation[:200],
        row.outlet[:200],
        row.pos_remote_id[:128],
        outlet.provider_outlet_id if outlet else row.provider_outlet_id[:64],
    )
