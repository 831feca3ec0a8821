"""Rows for the tests of the lists."""

import pytest
from django.utils import timezone

from integrations.models import Integration, UnrecognisedFrame
from integrations.models.attempt import Outcome
from integrations.services.api_keys.api_keys import create_api_key
from integrations.services.integration.enabling import enable_outlet
from integrations.services.notices import webhooks
from tests.support.factories import ANNA, Enabled, make_enabled_outlet, make_outlet
from tests.support.staff.backend_pages import ask
from tests.support.staff.pages import be_refused, be_seen


@pytest.fixture
def two_outlets(db: None) -> Enabled:
    """An outlet of Trattoria Bella and one of another organisation, with a few rows in every model."""
    enabled = make_enabled_outlet("Station")
    other = make_outlet("Pier", organisation="Nordlicht")
    other_enabled = Enabled(Integration.objects.none(), enable_outlet(other, pos_remote_id="N-1", actor=ANNA))  # type: ignore[arg-type]
    integrations = (enabled.integration, Integration.objects.get(outlet=other))
    create_api_key("Web shop", actor=ANNA)
    for integration in integrations:
        seen = be_seen(integration, heartbeat_at=timezone.now())
        be_refused(integration, Outcome.WRONG_SECRET)
        UnrecognisedFrame.objects.create(
            at=timezone.now(), integration=integration, connection_id=seen.pk, kind="not_json", size=9, excerpt="x"
        )
        for number in range(3):
            ask(Enabled(integration, other_enabled.handover), f"r-{number}")
    endpoint, _ = webhooks.create_endpoint(
        "hook", url="https://example.com/", kinds=["outlet.online"], actor=ANNA,
        organisation=enabled.integration.outlet.organisation,
    )  # fmt: skip
    webhooks.send_test(endpoint, actor=ANNA)
    return enabled
