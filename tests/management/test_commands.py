"""Commands print one JSON object, explain a refusal in one line, and change nothing when repeated."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.utils import timezone

from integrations.models import AuditEvent, Credential, Outlet
from integrations.models.audit import Verb
from integrations.relay.records import record_writer
from integrations.relay.records.batch import Batch
from integrations.relay.records.connection_records import ConnectionOpened
from integrations.services import wake
from integrations.text.moments import iso
from tests.management.shell import KEYS, NOT_UTF_8, refusal, run, run_json
from tests.support.factories import BELLA, STATION, Enabled, make_enabled_outlet, make_live, make_process

pytestmark = pytest.mark.django_db
OUTLET_KEYS = ["Organisation", "Outlet", "ProviderOutletID", "POSRemoteID", "Enabled", "Online", "Since"]
CaptureCommits = Callable[..., AbstractContextManager[list[Callable[[], Any]]]]


# --- rotate_secret


def test_rotating_prints_the_same_five_keys_with_a_new_secret(enabled: Enabled) -> None:
    printed = run_json("rotate_secret", enabled.handover.provider_outlet_id)
    assert list(printed) == KEYS
    old = enabled.handover.as_wire()
    assert printed["AuthSecret"] != old["AuthSecret"]
    assert printed | {"AuthSecret": ""} == old | {"AuthSecret": ""}
    assert Credential.objects.filter(retired_at=None).count() == 1


@pytest.mark.parametrize(("overlap", "hours"), [("1h", 1), ("24h", 24), ("7d", 168)])
def test_rotating_with_an_overlap_keeps_the_old_secret_valid(enabled: Enabled, overlap: str, hours: int) -> None:
    run("rotate_secret", enabled.handover.provider_outlet_id, "--overlap", overlap)
    expires = Credential.objects.get(is_current=False).expires_at
    assert expires is not None
    assert abs(expires - timezone.now() - timedelta(hours=hours)) < timedelta(minutes=1)


def test_rotating_during_an_overlap_is_refused_until_it_is_ended(enabled: Enabled) -> None:
    outlet_id = enabled.handover.provider_outlet_id
    run("rotate_secret", outlet_id, "--overlap", "1h")
    assert "overlap" in refusal("rotate_secret", outlet_id)
    output, errors = run("rotate_secret", outlet_id, "--end-overlap")
    assert (output, bool(errors)) == ("", True)
    assert list(run_json("rotate_secret", outlet_id)) == KEYS


def test_an_unused_new_secret_is_replaced_within_the_overlap(enabled: Enabled) -> None:
    outlet_id = enabled.handover.provider_outlet_id
    assert "overlap" in refusal("rotate_secret", outlet_id, "--replace-unused")
    run("rotate_secret", outlet_id, "--overlap", "1h")
    lost = Credential.objects.get(is_current=True)
    assert list(run_json("rotate_secret", outlet_id, "--replace-unused")) == KEYS
    lost.refresh_from_db()
    assert lost.retired_at is not None
    assert Credential.objects.filter(retired_at=None).count() == 2
    assert refusal("rotate_secret", outlet_id, "--replace-unused", "--end-overlap")


def test_ending_an_overlap_without_one_running_is_refused(enabled: Enabled) -> None:
    assert refusal("rotate_secret", enabled.handover.provider_outlet_id, "--end-overlap")


def test_ending_and_starting_an_overlap_in_one_call_is_refused(enabled: Enabled) -> None:
    assert refusal("rotate_secret", enabled.handover.provider_outlet_id, "--end-overlap", "--overlap", "1h")
    assert Credential.objects.count() == 1


def test_an_overlap_that_is_not_offered_is_refused(enabled: Enabled) -> None:
    with pytest.raises(CommandError, match="--overlap"):
        run("rotate_secret", enabled.handover.provider_outlet_id, "--overlap", "3d")


# --- disable_outlet, reenable_outlet


def test_an_outlet_is_disabled_and_enabled_again(enabled: Enabled) -> None:
    outlet_id = enabled.handover.provider_outlet_id
    assert run("disable_outlet", outlet_id, "--reason", "unpaid bill")[0] == ""
    assert enabled.fresh().disabled_reason == "unpaid bill"
    assert run("reenable_outlet", outlet_id)[0] == ""
    assert enabled.fresh().is_enabled


def test_disabling_or_enabling_twice_is_refused(enabled: Enabled) -> None:
    outlet_id = enabled.handover.provider_outlet_id
    assert "already enabled" in refusal("reenable_outlet", outlet_id)
    run("disable_outlet", outlet_id, "--reason", "first")
    assert "already disabled" in refusal("disable_outlet", outlet_id, "--reason", "second")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201, NOT_UTF_8])
def test_an_invalid_reason_is_refused_in_one_line(enabled: Enabled, reason: str) -> None:
    assert refusal("disable_outlet", enabled.handover.provider_outlet_id, "--reason", reason)
    assert enabled.fresh().is_enabled


def test_a_reason_to_enable_again_that_is_not_utf_8_is_refused_in_one_line(enabled: Enabled) -> None:
    run("disable_outlet", enabled.handover.provider_outlet_id, "--reason", "pause")
    assert refusal("reenable_outlet", enabled.handover.provider_outlet_id, "--reason", NOT_UTF_8)


@pytest.mark.parametrize(
    "command",
    [("rotate_secret",), ("disable_outlet", "--reason", "x"), ("reenable_outlet",), ("rotate_secret", "--end-overlap")],
)
def test_an_unknown_or_never_enabled_outlet_is_refused(command: tuple[str, ...], outlet: Outlet) -> None:
    name, *options = command
    assert "ProviderOutletID" in refusal(name, "nobody", *options)
    assert "not enabled" in refusal(name, outlet.provider_outlet_id, *options)


@pytest.mark.parametrize("command", ["rotate_secret", "reenable_outlet"])
def test_an_argument_that_is_not_utf_8_is_refused_in_one_line(db: None, command: str) -> None:
    assert refusal(command, NOT_UTF_8)


# --- outlets


def test_outlets_lists_every_outlet_with_its_details(enabled: Enabled, outlet: Outlet) -> None:
    listed = {row["Outlet"]: row for row in run_json("outlets")}
    assert all(list(row) == OUTLET_KEYS for row in listed.values())
    assert listed["Harbour"] == {
        "Organisation": BELLA, "Outlet": "Harbour", "ProviderOutletID": outlet.provider_outlet_id,
        "POSRemoteID": None, "Enabled": False, "Online": False, "Since": None,
    }  # fmt: skip
    assert listed[STATION] == {
        "Organisation": BELLA, "Outlet": STATION, "ProviderOutletID": enabled.handover.provider_outlet_id,
        "POSRemoteID": enabled.handover.pos_remote_id, "Enabled": True, "Online": False, "Since": None,
    }  # fmt: skip


def test_outlets_of_an_empty_portal_is_an_empty_list() -> None:
    assert run_json("outlets") == []


def test_outlets_shows_which_poses_are_online_and_since_when(enabled: Enabled) -> None:
    now = timezone.now().replace(microsecond=0)
    live = make_live(enabled.integration, opened_at=now)
    record_writer.write(Batch(ConnectionOpened(live)), make_process(heartbeat_at=now).pk)
    (row,) = run_json("outlets")
    assert (row["Online"], row["Since"]) == (True, iso(now, timespec="seconds"))
    assert "online since" in run("outlets")[0]


def test_outlets_shows_the_poses_of_a_dead_process_as_offline(enabled: Enabled) -> None:
    then = timezone.now().replace(microsecond=0) - timedelta(seconds=40)
    live = make_live(enabled.integration, opened_at=then)
    record_writer.write(Batch(ConnectionOpened(live)), make_process(heartbeat_at=then).pk)
    (row,) = run_json("outlets")
    assert (row["Online"], row["Since"]) == (False, iso(then, timespec="seconds"))


def test_outlets_prints_one_line_for_each_outlet(enabled: Enabled, outlet: Outlet) -> None:
    lines = run("outlets")[0].splitlines()
    assert len(lines) == 2
    assert any("Harbour: not enabled" in line for line in lines)
    assert any(f"{STATION}: enabled, never connected" in line for line in lines)
    run("disable_outlet", enabled.handover.provider_outlet_id, "--reason", "x")
    assert f"{STATION}: disabled" in run("outlets")[0]


def test_outlets_never_shows_a_secret(enabled: Enabled) -> None:
    shown = "".join(run("outlets") + run("outlets", "--format", "json"))
    assert enabled.handover.auth_secret[5:] not in shown
    assert "ONPS" not in shown


def test_outlets_of_a_large_portal_costs_a_fixed_number_of_queries(django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        make_enabled_outlet(f"Outlet {number}")
    with django_assert_max_num_queries(3):
        run("outlets")


# --- All commands


def test_the_audit_names_the_shell_as_the_origin_of_a_command(enabled: Enabled) -> None:
    run("disable_outlet", enabled.handover.provider_outlet_id, "--reason", "unpaid")
    event = AuditEvent.objects.latest("pk")
    assert event.verb == Verb.DISABLED
    assert event.actor_name.startswith("shell: ")
    assert (event.actor_id, event.address) == (None, "")


def test_a_command_wakes_the_server_processes_after_its_commit(
    enabled: Enabled, django_capture_on_commit_callbacks: CaptureCommits
) -> None:
    woken: list[int] = []
    wake.listen(woken.append)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            run("disable_outlet", enabled.handover.provider_outlet_id, "--reason", "unpaid")
        assert woken == [enabled.integration.pk]
    finally:
        wake.forget(woken.append)


@pytest.mark.django_db(transaction=True)
def test_a_command_ends_even_if_no_server_process_is_running() -> None:
    enabled = make_enabled_outlet()
    run("disable_outlet", enabled.handover.provider_outlet_id, "--reason", "unpaid")
    assert not enabled.fresh().is_enabled
