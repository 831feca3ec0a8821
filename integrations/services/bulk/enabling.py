"""Enable the outlets of a file: check it against the database, prepare the secrets, then write a batch of rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db import IntegrityError, transaction
from django.views.decorators.debug import sensitive_variables

from integrations.models import Credential, Integration, Organisation, Outlet
from integrations.models.audit import Verb
from integrations.models.clock import shared_now
from integrations.models.fields.texts import complaint_about
from integrations.models.outlet import NO_ADDRESS, has_address, is_plain, new_provider_outlet_id
from integrations.security import secret_digests
from integrations.services.audit import Actor, record_many
from integrations.services.bulk.file import COLUMNS, Column, FileRow
from integrations.services.bulk.name_warnings import NearNames
from integrations.services.bulk.plan import PlannedRow, RowRefused, RowsChanged, Verdict, acting
from integrations.services.bulk.repeated import RepeatedValues
from integrations.services.bulk.result_file import NamedHandOver, named
from integrations.services.errors import PortalError
from integrations.services.integration import pos_secrets
from integrations.services.integration.enabling import enable_outlets
from integrations.services.integration.errors import PosRemoteIdTaken
from integrations.services.integration.pos_secrets import NewSecret
from integrations.services.outlets.outlets import id_conflict
from integrations.services.rows.chunks import CHUNK, chunks
from integrations.services.rows.plain_rows import insert_with_keys
from integrations.text.characters import hidden_within, identity, is_same_id


@dataclass(frozen=True)
class Permissions:
    """The permissions of the person sending the file. If `organisations` is None, the person may see all of them."""

    organisations: frozenset[int] | None = None
    add_organisation: bool = True
    add_outlet: bool = True
    view_outlet: bool = True

    def may_see(self, outlet: Outlet) -> bool:
        return self.view_outlet and (self.organisations is None or outlet.organisation_id in self.organisations)


def check(rows: Sequence[FileRow], permissions: Permissions) -> list[PlannedRow]:
    """Return the plan of each row, with warnings. Takes about ten queries for each 400 rows; hashes nothing."""
    near = NearNames(rows, permissions.organisations)
    return [near.marked(planned, row) for planned, row in zip(_plan_of(rows, permissions), rows, strict=True)]


def _plan_of(rows: Sequence[FileRow], permissions: Permissions) -> list[PlannedRow]:
    repeated = RepeatedValues(rows)
    faults = [_format_error(row) or repeated.fault(row) for row in rows]
    existing = _Existing([row for row, fault in zip(rows, faults, strict=True) if not fault])
    return [
        _planned(row, Verdict.WRONG, fault) if fault else _planned_row(row, existing, permissions)
        for row, fault in zip(rows, faults, strict=True)
    ]


@sensitive_variables()
def prepare(rows: Sequence[FileRow], plan: Sequence[PlannedRow]) -> list[NewSecret]:
    """Return a secret for each row to enable: a new one, or the row's own, hashed.

    Hashing a secret takes 100 ms, so call this outside a transaction. Raises RowRefused.
    """
    by_number = {row.number: row for row in rows}
    return [_prepare(planned, by_number[planned.number].adopted_secret) for planned in acting(plan)]


def _verified(rows: Sequence[FileRow], planned: Sequence[PlannedRow], permissions: Permissions) -> "_Existing":
    """Return the database rows that match the file. Raises RowsChanged if the plan would now be different.

    Differences in a plan's text are ignored. For example, the text may still say that an organisation is new, although
    an earlier batch has already created it.
    """
    by_number = {row.number: row for row in rows}
    own = [by_number[row.number] for row in planned]
    existing = _Existing(own)
    for row, before in zip(own, planned, strict=True):
        if replace(_planned_row(row, existing, permissions), words=before.words) != before:
            raise RowsChanged
    return existing


@sensitive_variables()
def write(
    rows: Sequence[FileRow],
    planned: Sequence[PlannedRow],
    secrets: Sequence[NewSecret],
    permissions: Permissions,
    *,
    actor: Actor,
) -> list[NamedHandOver]:
    """Enable the planned rows in one transaction, each with its secret. Raises RowsChanged."""
    try:
        with transaction.atomic():
            existing = _verified(rows, planned, permissions)
            outlets = _outlets(planned, existing, actor)
            new = [
                Integration(outlet=outlet, pos_remote_id=row.pos_remote_id, changed_at=shared_now())
                for row, outlet in zip(planned, outlets, strict=True)
            ]
            return named(planned, enable_outlets(list(zip(new, secrets, strict=True)), actor=actor))
    except IntegrityError as error:  # a unique value was taken after the check, or the file repeats a secret
        raise RowsChanged from error


@sensitive_variables()
def _prepare(planned: PlannedRow, adopted: str) -> NewSecret:
    try:
        # The result file omits adopted secrets, because the person who sent the file already has them.
        return replace(pos_secrets.adopt_secret(adopted), plain="") if adopted else pos_secrets.generate_secret()
    except PortalError as refusal:
        raise RowRefused(f"Row {planned.number} ({planned.outlet}): {refusal}") from refusal


def _organisations(planned: Sequence[PlannedRow], existing: "_Existing", actor: Actor) -> dict[str, Organisation]:
    names = dict.fromkeys(row.organisation for row in planned)
    new = [Organisation(name=name) for name in names if name not in existing.organisations]
    created = Organisation.objects.bulk_create(new, batch_size=CHUNK)
    record_many(Verb.ORGANISATION_CREATED, [(each, {}) for each in created], actor=actor)
    return existing.organisations | {each.name: each for each in created}


def _outlets(planned: Sequence[PlannedRow], existing: "_Existing", actor: Actor) -> list[Outlet]:
    organisations = _organisations(planned, existing, actor)
    new = [
        Outlet(
            organisation=organisations[row.organisation],
            name=row.outlet,
            provider_outlet_id=row.provider_outlet_id or new_provider_outlet_id(),
        )
        for row in planned
        if (row.organisation, row.outlet) not in existing.outlets
    ]
    insert_with_keys(new, unique="provider_outlet_id")
    record_many(
        Verb.OUTLET_CREATED, [(each, {"provider_outlet_id": each.provider_outlet_id}) for each in new], actor=actor
    )
    outlets = existing.outlets | {(each.organisation.name, each.name): each for each in new}
    return [outlets[row.organisation, row.outlet] for row in planned]


class _Existing:
    """Existing database rows that match the values in well-formed rows of the file."""

    def __init__(self, rows: Sequence[FileRow]) -> None:
        self.organisations = _organisations_named(list({row.organisation for row in rows}))
        self.outlets = _outlets_named([(row.organisation, row.outlet) for row in rows])
        self.holders = _holders_of([identity(row.pos_remote_id) for row in rows])
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


def _holders_of(match_ids: Sequence[str]) -> dict[str, Outlet]:
    """Return the outlet of each match id in use. A match id is a POSRemoteID in the form used for comparisons."""
    found: dict[str, Outlet] = {}
    for part in chunks(match_ids):
        rows = Integration.objects.filter(match_id__in=part).select_related("outlet__organisation")
        found |= {each.match_id: each.outlet for each in rows}
    return found


def _found(model: type[Outlet] | type[Credential], field_name: str, values: Sequence[str]) -> Iterable[str]:
    for part in chunks(values):
        yield from model.objects.filter(**{f"{field_name}__in": part}).values_list(field_name, flat=True)


def _digests(row: FileRow) -> list[str]:
    canonical = pos_secrets.recognise(row.adopted_secret) if row.adopted_secret else None
    return secret_digests.keyed_digests(canonical) if canonical else []


def _planned_row(row: FileRow, existing: _Existing, permissions: Permissions) -> PlannedRow:
    """Return the plan of a well-formed row."""
    if fault := _permission_error(row, existing, permissions):
        return _planned(row, Verdict.WRONG, fault)
    outlet = existing.outlets.get((row.organisation, row.outlet))
    integration = Integration.of(outlet) if outlet else None
    if outlet is not None and (conflict := id_conflict(outlet, row.provider_outlet_id)):
        return _planned(row, Verdict.WRONG, str(conflict))
    if outlet is not None and integration is not None:
        return _plan_of_enabled(row, outlet, integration)
    if fault := _conflict(row, outlet, existing, permissions):
        return _planned(row, Verdict.WRONG, fault)
    return _planned(row, Verdict.ACT, _action_text(row, outlet, existing), outlet)


def _plan_of_enabled(row: FileRow, outlet: Outlet, integration: Integration) -> PlannedRow:
    if not is_same_id(integration.pos_remote_id, row.pos_remote_id):
        fault = (
            f"It is already enabled with the POSRemoteID {integration.pos_remote_id}: "
            "change that on its page, or remove the row."
        )
        return _planned(row, Verdict.WRONG, fault)
    words = "It is already enabled with this POSRemoteID: it will not change."
    if not integration.is_enabled:
        words = "It exists with this POSRemoteID and stays disabled. Enable it again on its page."
    return _planned(row, Verdict.SKIP, f"{words} Its secret stays the same." if row.adopted_secret else words, outlet)


def _conflict(row: FileRow, outlet: Outlet | None, existing: _Existing, permissions: Permissions) -> str:
    if holder := existing.holders.get(identity(row.pos_remote_id)):
        is_seen = permissions.may_see(holder)
        return PosRemoteIdTaken.naming.format(holder) if is_seen else PosRemoteIdTaken.message
    if outlet is None and identity(row.provider_outlet_id) in existing.provider_ids:
        return "Another outlet has this ProviderOutletID: correct it, or leave the cell empty for a new one."
    if any(digest in existing.digests for digest in _digests(row)):
        return "This secret is in use already, or was used before: leave the cell empty to create a new one."
    return ""


def _action_text(row: FileRow, outlet: Outlet | None, existing: _Existing) -> str:
    secret = "with the secret from the file" if row.adopted_secret else "with a new secret"
    if outlet is not None:
        return f"Enable it {secret}."
    if row.organisation not in existing.organisations:
        return f"Create the organisation and the outlet, and enable it {secret}."
    return f"Create the outlet and enable it {secret}."


def _permission_error(row: FileRow, existing: _Existing, permissions: Permissions) -> str:
    """Return which permission is missing, or "".

    The text never reveals the existence of an organisation that the person may not see.
    """
    organisation = existing.organisations.get(row.organisation)
    if permissions.organisations is not None and (not organisation or organisation.pk not in permissions.organisations):
        return "You do not have access to an organisation of this name: ask an administrator."
    if organisation is None and not permissions.add_organisation:
        return "There is no organisation of this name, and you may not add one: correct it, or ask an administrator."
    if (row.organisation, row.outlet) not in existing.outlets and not permissions.add_outlet:
        return "The organisation has no outlet of this name, and you may not add one: ask an administrator."
    return ""


def _format_error(row: FileRow) -> str:
    if row.fault:
        return row.fault
    for name, column in COLUMNS.items():
        if column.most and (fault := _text_error(column, getattr(row, name))):
            return fault
    if not has_address(row.provider_outlet_id):
        return NO_ADDRESS
    return _secret_error(row.adopted_secret)


def _text_error(column: Column, value: str) -> str:
    if not value:
        return f"{column.written} is empty: fill it in." if column.is_required else ""
    if len(value) > column.most:
        return f"{column.written} has {len(value)} characters; {column.most} are allowed."
    if hidden := hidden_within(value):
        return f"{column.written}: {complaint_about(hidden)}"
    if not is_plain(value):
        return f"{column.written} contains a control character or a line break: type it again."
    return ""


def _secret_error(secret: str) -> str:
    try:
        if secret:
            pos_secrets.recognise(secret)
    except PortalError as refusal:
        return f"{refusal} Leave the cell empty to create a strong one."
    return ""


def _planned(row: FileRow, verdict: Verdict, words: str, outlet: Outlet | None = None) -> PlannedRow:
    shown = {name: getattr(row, name)[: column.most] for name, column in COLUMNS.items()}
    return PlannedRow(
        number=row.number,
        verdict=verdict,
        words=words,
        organisation=shown["organisation"],
        outlet=shown["outlet"],
        pos_remote_id=shown["pos_remote_id"],
        provider_outlet_id=outlet.provider_outlet_id if outlet else shown["provider_outlet_id"],
    )
