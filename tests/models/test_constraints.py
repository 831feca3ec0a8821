"""The database rejects invalid rows, even if forms and services fail to."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from integrations.models import Connection, Credential, Integration, Organisation, Outlet, Presence
from integrations.security.secret_digests import Algorithm
from tests.support.factories import NOON, Enabled, make_enabled_outlet, make_outlet, make_process

pytestmark = pytest.mark.django_db


def refuses(write: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        write()


def make_integration(outlet: Outlet, remote: str, **changes: object) -> Integration:
    return Integration.objects.create(outlet=outlet, pos_remote_id=remote, changed_at=NOON, **changes)


def make_credential(integration: Integration, digest: str, **changes: object) -> Credential:
    values: dict[str, object] = {
        "algorithm": Algorithm.HMAC_SHA256,
        "key_id": "k",
        "shown": "s",
        "bits": 130,
        "created_by": "x",
        "is_current": False,
    }
    return Credential.objects.create(integration=integration, digest=digest, **(values | changes))


def make_connection(enabled: Enabled, **changes: object) -> Connection:
    values: dict[str, object] = {
        "integration": enabled.integration,
        "credential": enabled.integration.current_credential(),
        "generation": 1,
        "process": make_process(),
        "opened_at": NOON,
    }
    return Connection.objects.create(**(values | changes))


def test_two_organisations_cannot_have_the_same_name() -> None:
    Organisation.objects.create(name="Bella")
    refuses(lambda: Organisation.objects.create(name="Bella"))


def test_two_outlets_of_an_organisation_cannot_have_the_same_name(outlet: Outlet) -> None:
    refuses(lambda: Outlet.objects.create(organisation=outlet.organisation, name=outlet.name))


def test_two_outlets_cannot_have_the_same_provider_outlet_id(outlet: Outlet) -> None:
    other = make_outlet("Station", organisation="Osteria")
    refuses(lambda: Outlet.objects.filter(pk=other.pk).update(provider_outlet_id=outlet.provider_outlet_id))


def test_an_outlet_must_have_a_provider_outlet_id(outlet: Outlet) -> None:
    refuses(lambda: Outlet.objects.filter(pk=outlet.pk).update(provider_outlet_id=""))


def test_two_integrations_cannot_belong_to_one_outlet(enabled: Enabled) -> None:
    refuses(lambda: make_integration(enabled.integration.outlet, "another"))


def test_two_integrations_cannot_have_the_same_pos_remote_id(enabled: Enabled, outlet: Outlet) -> None:
    refuses(lambda: make_integration(outlet, enabled.handover.pos_remote_id))


def test_an_integration_must_have_a_pos_remote_id(outlet: Outlet) -> None:
    refuses(lambda: make_integration(outlet, ""))


def test_a_disabled_integration_must_have_a_reason(outlet: Outlet) -> None:
    refuses(lambda: make_integration(outlet, "remote", is_enabled=False))


def test_two_credentials_cannot_have_the_same_secret_even_if_one_is_retired(enabled: Enabled) -> None:
    other = make_enabled_outlet("Airport")
    used = enabled.integration.current_credential().digest
    refuses(lambda: make_credential(other.integration, used))
    make_credential(enabled.integration, "retired", retired_at=NOON)
    refuses(lambda: make_credential(other.integration, "retired"))


def test_two_credentials_cannot_have_the_same_fingerprint(enabled: Enabled) -> None:
    adopted = {"algorithm": Algorithm.ARGON2ID, "fingerprint": "f"}
    make_credential(enabled.integration, "one", **adopted)
    refuses(lambda: make_credential(enabled.integration, "two", **adopted))


def test_a_generated_secret_has_no_fingerprint(enabled: Enabled) -> None:
    refuses(lambda: make_credential(enabled.integration, "one", fingerprint="f"))


def test_an_integration_cannot_have_two_current_credentials(enabled: Enabled) -> None:
    refuses(lambda: make_credential(enabled.integration, "another", is_current=True))


def test_a_retired_credential_cannot_be_current(enabled: Enabled) -> None:
    current = Credential.objects.filter(integration=enabled.integration, is_current=True)
    refuses(lambda: current.update(retired_at=timezone.now()))


def test_an_integration_cannot_have_two_open_connections(enabled: Enabled) -> None:
    make_connection(enabled)
    refuses(lambda: make_connection(enabled, opened_at=NOON + timedelta(hours=1)))


def test_an_integration_can_have_many_closed_connections_and_one_open(enabled: Enabled) -> None:
    for _ in range(3):
        make_connection(enabled, closed_at=NOON)
    make_connection(enabled)
    assert enabled.integration.connections.count() == 4


def test_an_integration_cannot_have_two_presences(enabled: Enabled) -> None:
    refuses(lambda: Presence.objects.create(integration=enabled.integration))


@pytest.mark.parametrize("name", ["organisation", "outlet", "integration", "credential"])
def test_a_row_that_others_refer_to_cannot_be_deleted(enabled: Enabled, name: str) -> None:
    connection = make_connection(enabled)
    rows: dict[str, models.Model] = {
        "organisation": enabled.integration.outlet.organisation,
        "outlet": enabled.integration.outlet,
        "integration": enabled.integration,
        "credential": connection.credential,
    }
    refuses(rows[name].delete)
