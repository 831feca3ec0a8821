"""Python and SQL apply the same rule to decide the state of an outlet."""

from datetime import timedelta

import pytest
from django.conf import settings

from integrations.models import Integration, Outlet, Presence
from integrations.models.outlet_state import OutletState, is_in_state, state_column, state_of
from integrations.relay.records import record_writer
from integrations.relay.records.batch import Batch
from integrations.relay.records.connection_records import ConnectionOpened
from tests.support.factories import NOON, make_enabled_outlet, make_live, make_outlet, make_process

ALIVE, DEAD = NOON, NOON - timedelta(seconds=settings.LEASE_SECONDS)


def make_outlets() -> dict[str, OutletState]:
    """Create outlets in every state (some states have several causes); return the expected states by outlet name."""
    make_outlet("new")
    for name in ("unseen", "online", "lost", "closed", "disabled", "disabled online"):
        integration = make_enabled_outlet(name).integration
        if name not in ("unseen", "disabled"):
            live = make_live(integration)
            process = make_process(heartbeat_at=DEAD if name == "lost" else ALIVE)
            record_writer.write(Batch(ConnectionOpened(live)), process.pk)
    Presence.objects.filter(integration__outlet__name="closed").update(is_online=False)
    disabled = Integration.objects.filter(outlet__name__startswith="disabled")
    disabled.update(is_enabled=False, disabled_reason="x")
    return {
        "new": OutletState.NOT_ENABLED,
        "unseen": OutletState.NEVER_SEEN,
        "online": OutletState.ONLINE,
        "lost": OutletState.OFFLINE,
        "closed": OutletState.OFFLINE,
        "disabled": OutletState.DISABLED,
        "disabled online": OutletState.DISABLED,
    }


@pytest.mark.django_db
def test_the_rule_the_condition_and_the_column_name_the_same_state() -> None:
    expected = make_outlets()
    assert {each.name: state_of(Integration.of(each), NOON) for each in Outlet.objects.all()} == expected
    by_condition = {
        outlet.name: state
        for state in OutletState
        for outlet in Outlet.objects.filter(is_in_state(state, NOON, "integration__"))
    }
    assert by_condition == expected
    column = Integration.objects.annotate(state=state_column(NOON)).values_list("outlet__name", "state")
    assert dict(column) == {name: state for name, state in expected.items() if name != "new"}
