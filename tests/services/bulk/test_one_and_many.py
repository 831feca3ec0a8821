"""An action on one outlet and the same action on many outlets store the same rows and the same audit events."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User

from integrations.models import AuditEvent, Credential, HandoverLink, Integration, Presence
from integrations.models.audit import Verb
from integrations.security.secret_digests import SecretKind, generate
from integrations.services.audit import Actor
from integrations.services.bulk import confirming
from integrations.services.bulk.plan import BulkAction, Verdict
from integrations.services.handover.links import create_link_instead
from integrations.services.integration import enabling, pos_secrets
from integrations.services.integration.new_outlets import OutletNames, enable_by_name
from integrations.services.outlets.errors import OutletExists
from tests.support.factories import ANNA, LONG_AGO, NOON, make_outlet

pytestmark = pytest.mark.django_db

Act = Callable[[Integration, Actor], object]

# The columns whose values differ between any two outlets.
IDS = {"id", "outlet_id", "organisation_id", "integration_id", "credential_id"}
SECRETS = {"digest", "fingerprint", "token_digest", "salt"}
ONE, MANY = "OUTLET-A", "OUTLET-B"


@dataclass(frozen=True)
class Case:
    """How to do an action on one outlet and on many; `before` brings each outlet into the state that it needs first."""

    action: BulkAction
    one: Act
    options: dict[str, str]
    before: Act | None = None


def disabled(integration: Integration, _actor: Actor) -> None:
    enabling.disable(integration, reason="Closed", actor=ANNA)


def with_overlap_ended(integration: Integration, _actor: Actor) -> None:
    pos_secrets.rotate_secret(integration, overlap="7d", actor=ANNA)
    pos_secrets.end_overlap(integration, actor=ANNA)


def rotation(overlap: str, before: Act | None = None) -> Case:
    def rotate(integration: Integration, actor: Actor) -> None:
        pos_secrets.rotate_secret(integration, overlap=overlap, actor=actor)

    return Case(BulkAction.ROTATE, rotate, {"overlap": overlap}, before)


def reenabling(reason: str) -> Case:
    def reenable(integration: Integration, actor: Actor) -> None:
        enabling.reenable(integration, reason=reason, actor=actor)

    return Case(BulkAction.REENABLE, reenable, {"reason": reason}, disabled)


def disable(integration: Integration, actor: Actor) -> None:
    enabling.disable(integration, reason=" Holidays ", actor=actor)


CASES = {
    "rotate without overlap": rotation("0"),
    "rotate with an overlap": rotation("24h"),
    "rotate a disabled one": rotation("0", disabled),
    "rotate after an overlap was ended": rotation("1h", with_overlap_ended),
    "disable": Case(BulkAction.DISABLE, disable, {"reason": " Holidays "}),
    "enable again": reenabling(""),
    "enable again for a reason": reenabling(" Back "),
}
ADOPTED = {
    "a new secret": ("", ""),
    "secrets of another system": ("sharedS3cr3t!", "sharedS4cr4t!"),
    "secrets of another portal": (generate(SecretKind.POS_SECRET), generate(SecretKind.POS_SECRET)),
}


@pytest.fixture
def boss() -> Actor:
    return Actor("boss", User.objects.create_superuser("boss"), "192.0.2.1")


def stored(name: str) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of an outlet's integration, without the values that are unique to each row."""
    rows = {
        "integration": Integration.objects.filter(outlet__name=name),
        "credentials": Credential.objects.filter(integration__outlet__name=name).order_by("pk"),
        "presence": Presence.objects.filter(integration__outlet__name=name),
        "links": HandoverLink.objects.filter(integration__outlet__name=name).order_by("pk"),
        "events": AuditEvent.objects.filter(outlet__name=name).exclude(verb=Verb.OUTLET_CREATED).order_by("pk"),
    }
    return {kind: [_comparable(row, name) for row in found.values()] for kind, found in rows.items()}


def _comparable(row: dict[str, Any], name: str) -> dict[str, Any]:
    """Mask values that differ between any two outlets: row IDs, secrets, beginnings of secrets and outlet names."""
    return {
        key: value is None if key in IDS | SECRETS else _masked(value, name) if isinstance(value, str | dict) else value
        for key, value in row.items()
    }


def _masked(value: object, name: str) -> str:
    text = re.sub(rf"(?i){name}", "<name>", str(value))
    return re.sub(r"ONPS-\w{5}[^'\s]*|gAAAA\S+", "<secret>", text)


def prepared(name: str, case: Case) -> Integration:
    """Enable an outlet, and give it a hand-over link that is still live."""
    outlet = make_outlet(name, provider_outlet_id=f"P-{name}")
    create_link_instead(
        lambda: enabling.enable_outlet(outlet, pos_remote_id=f"R-{name}", actor=ANNA), hours=1, actor=ANNA
    )
    integration = Integration.objects.get(outlet=outlet)
    if case.before:
        case.before(integration, ANNA)
    Integration.objects.filter(pk=integration.pk).update(changed_at=LONG_AGO)
    return integration


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@time_machine.travel(NOON, tick=False)
def test_an_action_stores_the_same_for_one_outlet_as_for_many(boss: Actor, case: Case) -> None:
    one, of_many, second = prepared(ONE, case), prepared(MANY, case), prepared("OUTLET-C", case)
    before = stored(ONE)
    assert stored(MANY) == before
    case.one(one, boss)
    checked = confirming.check_selection(case.action, [of_many.pk, second.pk], actor=boss)
    confirming.confirm(checked.sealed, actor=boss, **case.options)
    assert stored(MANY) == stored(ONE) != before
    assert AuditEvent.objects.filter(outlet=of_many.outlet_id, actor_name="boss").exists()


@pytest.mark.parametrize("secrets", ADOPTED.values(), ids=ADOPTED)
@time_machine.travel(NOON, tick=False)
def test_enabling_stores_the_same_for_one_outlet_as_for_a_file(boss: Actor, secrets: tuple[str, str]) -> None:
    one = make_outlet(ONE, provider_outlet_id=f"P-{ONE}")
    parent = make_outlet(MANY, provider_outlet_id=f"P-{MANY}").organisation.name
    enabling.enable_outlet(one, pos_remote_id=f" R-{ONE}", adopted_secret=secrets[0] or None, actor=boss)
    lines = (
        "Organisation,Outlet,POSRemoteID,AdoptedSecret",
        f"{parent},{MANY},R-{MANY},{secrets[1]}",
        f"{parent},C,C,",
    )
    checked = confirming.check_file("\n".join(lines).encode(), name="chain.csv", actor=boss)
    confirming.confirm(checked.sealed, actor=boss)
    assert stored(MANY) == stored(ONE)
    assert [len(rows) for rows in stored(ONE).values()] == [1, 1, 1, 0, 2 if secrets[0] else 1]


@pytest.mark.parametrize("sent", ["other", "P-OUTLET-A", " P-OUTLET-A ", ""])
def test_one_outlet_and_a_file_accept_the_same_spellings_of_the_id(boss: Actor, sent: str) -> None:
    parent = make_outlet(ONE, provider_outlet_id=f"P-{ONE}").organisation.name
    lines = ("Organisation,Outlet,POSRemoteID,ProviderOutletID", f"{parent},{ONE},R-{ONE},{sent}")
    (row,) = confirming.check_file("\n".join(lines).encode(), name="chain.csv", actor=boss).plan
    names = OutletNames(parent, ONE, sent)
    if row.verdict is Verdict.ACT:
        enable_by_name(names, pos_remote_id=f"R-{ONE}", actor=boss)
        return
    with pytest.raises(OutletExists, match=re.escape(row.words)):
        enable_by_name(names, pos_remote_id=f"R-{ONE}", actor=boss)
