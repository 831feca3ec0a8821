"""The same from the shell: one object on standard output, refusals in one line, nothing done twice."""

import io
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from integrations.models import AuditEvent, Credential, Integration, Organisation, Outlet
from integrations.models.audit import Verb
from integrations.relay.records import record_writer
from integrations.relay.records.batch import Batch
from integrations.security.secret_digests import SecretKind, generate, recognise
from integrations.services import wake
from tests.support.factories import (
    ADOPTED,
    BELLA,
    STATION,
    Enabled,
    make_enabled_outlet,
    make_live,
    make_outlet,
    make_process,
)

pytestmark = pytest.mark.django_db

KEYS = ["ProviderOutletID", "POSRemoteID", "AuthSecret", "AuthURL", "WebsocketURL"]
OUTLET_KEYS = ["Organisation", "Outlet", "ProviderOutletID", "POSRemoteID", "Enabled", "Online", "Since"]
NEW = ("--organisation", "Osteria", "--outlet", "Garden", "--pos-remote-id", "TestOrg-1")
NOT_UTF_8 = "Caf\udce9"  # how Python passes a byte of another encoding on
CaptureCommits = Callable[..., AbstractContextManager[list[Callable[[], Any]]]]


def run(*args: str) -> tuple[str, str]:
    """Return what a command writes to standard output and to standard error."""
    output, errors = io.StringIO(), io.StringIO()
    call_command(*args, stdout=output, stderr=errors)
    return output.getvalue(), errors.getvalue()


def run_json(*args: str) -> Any:
    """Return the one JSON value that is all of a command's standard output."""
    return json.loads(run(*args, "--format", "json")[0])


def refusal(*args: str) -> str:
    """Return the one line with which a command refuses; nothing stands on standard output."""
    output = io.StringIO()
    with pytest.raises(CommandError) as refused:
        call_command(*args, stdout=output, stderr=io.StringIO())
    assert output.getvalue() == ""
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts text on standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


# --- enable_outlet


def test_enabling_warns_of_names_that_look_like_others(enabled: Enabled) -> None:
    name = enabled.integration.outlet.organisation.name
    _, errors = run("enable_outlet", "--organisation", name.upper(), "--outlet", "Garden", "--pos-remote-id", "r-1")
    assert f"WARNING: “{name.upper()}” differs from “{name}” only in letter case or accents." in errors
    run("enable_outlet", "--organisation", name, "--outlet", "O'Hara", "--pos-remote-id", "r-2")
    _, errors = run("enable_outlet", "--organisation", name, "--outlet", "O\u2019Hara", "--pos-remote-id", "r-3")
    assert errors.count("WARNING") == 1
    assert "“O\u2019Hara” differs from “O'Hara” only in characters that look alike (U+2019 RIGHT" in errors


def test_enabling_makes_what_is_not_there_and_prints_one_object_with_five_keys() -> None:
    printed = run_json("enable_outlet", *NEW)
    assert list(printed) == KEYS
    integration = Integration.objects.select_related("outlet__organisation").get()
    assert (integration.outlet.organisation.name, integration.outlet.name) == ("Osteria", "Garden")
    assert printed["ProviderOutletID"] == integration.outlet.provider_outlet_id
    assert printed["POSRemoteID"] == integration.pos_remote_id == "TestOrg-1"
    assert recognise(SecretKind.POS_SECRET, printed["AuthSecret"])
    assert printed["AuthURL"] == "http://127.0.0.1:8000/api/powerepos/v1/auth"
    assert printed["WebsocketURL"] == "ws://127.0.0.1:8000"


def test_enabling_uses_an_organisation_and_an_outlet_that_are_there() -> None:
    outlet = make_outlet("Garden")
    printed = run_json("enable_outlet", "--organisation", BELLA, "--outlet", "Garden", "--pos-remote-id", "r")
    assert printed["ProviderOutletID"] == outlet.provider_outlet_id
    assert (Organisation.objects.count(), Outlet.objects.count()) == (1, 1)


def test_the_provider_may_give_an_id_of_its_own() -> None:
    assert run_json("enable_outlet", *NEW, "--provider-outlet-id", "GARDEN-1")["ProviderOutletID"] == "GARDEN-1"


def test_names_that_are_not_ascii_are_printed_as_they_are() -> None:
    output, _ = run("enable_outlet", *NEW, "--provider-outlet-id", "Gärten 世界", "--format", "json")
    assert "Gärten 世界" in output


def test_as_text_the_five_values_stand_one_to_a_line_and_the_warning_elsewhere() -> None:
    output, errors = run("enable_outlet", *NEW)
    assert [line.split()[0] for line in output.splitlines()] == KEYS
    assert "once" in errors
    assert "ONPS-" not in errors


def test_enabling_twice_is_refused_and_changes_nothing() -> None:
    run("enable_outlet", *NEW)
    before = AuditEvent.objects.count()
    assert "already enabled" in refusal("enable_outlet", *NEW)
    assert "already enabled" in refusal("enable_outlet", *NEW, "--provider-outlet-id", "another")
    assert (Integration.objects.count(), Credential.objects.count()) == (1, 1)
    assert AuditEvent.objects.count() == before


def test_a_taken_pos_remote_id_is_refused_and_leaves_no_new_organisation(enabled: Enabled) -> None:
    taken = enabled.handover.pos_remote_id
    message = refusal("enable_outlet", "--organisation", "Osteria", "--outlet", "Garden", "--pos-remote-id", taken)
    assert "POSRemoteID" in message
    assert not Organisation.objects.filter(name="Osteria").exists()


def test_a_taken_provider_outlet_id_is_refused(enabled: Enabled) -> None:
    taken = enabled.handover.provider_outlet_id
    assert "ProviderOutletID" in refusal("enable_outlet", *NEW, "--provider-outlet-id", taken)
    assert not Organisation.objects.filter(name="Osteria").exists()


def test_another_id_for_an_outlet_that_is_there_is_refused_with_the_one_it_has() -> None:
    outlet = make_outlet("Garden")
    message = refusal(
        "enable_outlet", "--organisation", BELLA, "--outlet", "Garden", "--pos-remote-id", "r",
        "--provider-outlet-id", "another",
    )  # fmt: skip
    assert outlet.provider_outlet_id in message


@pytest.mark.parametrize("name", ["--organisation", "--outlet", "--pos-remote-id", "--provider-outlet-id"])
@pytest.mark.parametrize("value", ["zero\u200bwidth", "line\nend", "x" * 300, NOT_UTF_8])
def test_a_value_of_the_wrong_form_is_refused_in_one_line(name: str, value: str) -> None:
    assert refusal("enable_outlet", *NEW, name, value)  # of an option that is given twice, the last counts
    assert not Integration.objects.exists()


def test_a_missing_argument_is_refused() -> None:
    with pytest.raises(CommandError, match="--pos-remote-id"):
        run("enable_outlet", "--organisation", "Osteria", "--outlet", "Garden")


def test_a_secret_is_adopted_from_standard_input(typed: Callable[[str], None]) -> None:
    typed(f"{ADOPTED}\r\nsecond line\n")
    assert run_json("enable_outlet", *NEW, "--adopt-secret-stdin")["AuthSecret"] == ADOPTED
    assert Credential.objects.get().is_weak


def test_hidden_characters_at_the_ends_of_values_are_left_out(typed: Callable[[str], None]) -> None:
    typed(f"\ufeff {ADOPTED}\u200b\r\n")
    values = ["Osteria", "Garden", "TestOrg-7ab4", "garden"]
    names = ["--organisation", "--outlet", "--pos-remote-id", "--provider-outlet-id"]
    given = [each for name, value in zip(names, values, strict=True) for each in (name, f"\u00a0{value}\u200b ")]
    made = run_json("enable_outlet", *given, "--adopt-secret-stdin")
    assert (made["ProviderOutletID"], made["POSRemoteID"], made["AuthSecret"]) == ("garden", "TestOrg-7ab4", ADOPTED)
    assert str(Outlet.objects.get()) == "Osteria – Garden"


def test_a_command_finds_an_outlet_in_another_spelling_of_its_uuid() -> None:
    made = run_json("enable_outlet", *NEW)
    assert run_json("rotate_secret", f"{{{made['ProviderOutletID'].upper()}}} ")["POSRemoteID"] == made["POSRemoteID"]


def test_a_secret_without_a_line_end_is_adopted_too(typed: Callable[[str], None]) -> None:
    typed(ADOPTED)
    assert run_json("enable_outlet", *NEW, "--adopt-secret-stdin")["AuthSecret"] == ADOPTED


@pytest.mark.parametrize("secret", ["", "\n", "short\n", "shared\u200bS3cr3t!\n", "shared\x00S3cr3t!\n"])
def test_what_cannot_be_adopted_is_refused_and_leaves_nothing(typed: Callable[[str], None], secret: str) -> None:
    typed(secret)
    assert refusal("enable_outlet", *NEW, "--adopt-secret-stdin")
    assert not Organisation.objects.exists()


def test_a_mistyped_generated_secret_is_told_so(typed: Callable[[str], None]) -> None:
    typed(generate(SecretKind.POS_SECRET)[:-1] + "\n")
    assert "mistyped" in refusal("enable_outlet", *NEW, "--adopt-secret-stdin")


def test_the_secret_of_another_outlet_is_not_adopted(enabled: Enabled, typed: Callable[[str], None]) -> None:
    typed(enabled.handover.auth_secret + "\n")
    message = refusal("enable_outlet", *NEW, "--adopt-secret-stdin")
    assert enabled.handover.auth_secret not in message


# --- rotate_secret


def test_rotating_prints_the_same_five_keys_with_a_new_secret(enabled: Enabled) -> None:
    printed = run_json("rotate_secret", enabled.handover.provider_outlet_id)
    assert list(printed) == KEYS
    old = enabled.handover.as_wire()
    assert printed["AuthSecret"] != old["AuthSecret"]
    assert printed | {"AuthSecret": ""} == old | {"AuthSecret": ""}
    assert Credential.objects.filter(retired_at=None).count() == 1


@pytest.mark.parametrize(("overlap", "hours"), [("1h", 1), ("24h", 24), ("7d", 168)])
def test_rotating_with_an_overlap_lets_the_old_secret_go_on(enabled: Enabled, overlap: str, hours: int) -> None:
    run("rotate_secret", enabled.handover.provider_outlet_id, "--overlap", overlap)
    expires = Credential.objects.get(is_current=False).expires_at
    assert expires is not None
    assert abs(expires - timezone.now() - timedelta(hours=hours)) < timedelta(minutes=1)


def test_rotating_within_the_overlap_is_refused_until_it_is_ended(enabled: Enabled) -> None:
    outlet_id = enabled.handover.provider_outlet_id
    run("rotate_secret", outlet_id, "--overlap", "1h")
    assert "overlap" in refusal("rotate_secret", outlet_id)
    output, errors = run("rotate_secret", outlet_id, "--end-overlap")
    assert (output, bool(errors)) == ("", True)
    assert list(run_json("rotate_secret", outlet_id)) == KEYS


def test_ending_an_overlap_that_does_not_run_is_refused(enabled: Enabled) -> None:
    assert refusal("rotate_secret", enabled.handover.provider_outlet_id, "--end-overlap")


def test_ending_and_beginning_an_overlap_in_one_call_is_refused(enabled: Enabled) -> None:
    assert refusal("rotate_secret", enabled.handover.provider_outlet_id, "--end-overlap", "--overlap", "1h")
    assert Credential.objects.count() == 1


def test_an_overlap_that_is_not_offered_is_refused(enabled: Enabled) -> None:
    with pytest.raises(CommandError, match="--overlap"):
        run("rotate_secret", enabled.handover.provider_outlet_id, "--overlap", "3d")


# --- disable_outlet, reenable_outlet


def test_disabling_and_enabling_again(enabled: Enabled) -> None:
    outlet_id = enabled.handover.provider_outlet_id
    assert run("disable_outlet", outlet_id, "--reason", "unpaid bill")[0] == ""
    assert enabled.fresh().disabled_reason == "unpaid bill"
    assert run("reenable_outlet", outlet_id)[0] == ""
    assert enabled.fresh().is_enabled


def test_disabling_or_enabling_twice_is_refused(enabled: Enabled) -> None:
    outlet_id = enabled.handover.provider_outlet_id
    assert "enabled already" in refusal("reenable_outlet", outlet_id)
    run("disable_outlet", outlet_id, "--reason", "first")
    assert "already disabled" in refusal("disable_outlet", outlet_id, "--reason", "second")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201, NOT_UTF_8])
def test_a_reason_of_the_wrong_form_is_refused_in_one_line(enabled: Enabled, reason: str) -> None:
    assert refusal("disable_outlet", enabled.handover.provider_outlet_id, "--reason", reason)
    assert enabled.fresh().is_enabled


def test_a_reason_to_enable_again_that_is_not_utf_8_is_refused_in_one_line(enabled: Enabled) -> None:
    run("disable_outlet", enabled.handover.provider_outlet_id, "--reason", "pause")
    assert refusal("reenable_outlet", enabled.handover.provider_outlet_id, "--reason", NOT_UTF_8)


@pytest.mark.parametrize(
    "command",
    [("rotate_secret",), ("disable_outlet", "--reason", "x"), ("reenable_outlet",), ("rotate_secret", "--end-overlap")],
)
def test_an_outlet_that_is_not_there_or_not_enabled_is_refused(command: tuple[str, ...], outlet: Outlet) -> None:
    name, *options = command
    assert "ProviderOutletID" in refusal(name, "nobody", *options)
    assert "not enabled" in refusal(name, outlet.provider_outlet_id, *options)


@pytest.mark.parametrize("command", ["rotate_secret", "reenable_outlet"])
def test_an_argument_that_is_not_utf_8_is_refused_in_one_line(db: None, command: str) -> None:
    assert refusal(command, NOT_UTF_8)


# --- outlets


def test_outlets_lists_every_outlet_with_what_is_known_of_it(enabled: Enabled, outlet: Outlet) -> None:
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


def test_outlets_says_who_is_online_and_since_when(enabled: Enabled) -> None:
    now = timezone.now().replace(microsecond=0)
    live = make_live(enabled.integration, opened_at=now)
    record_writer.write(Batch(opened={live.id: live}), make_process(heartbeat_at=now).pk)
    (row,) = run_json("outlets")
    assert (row["Online"], datetime.fromisoformat(row["Since"])) == (True, now)
    assert "online since" in run("outlets")[0]


def test_outlets_does_not_believe_a_process_that_stopped_beating(enabled: Enabled) -> None:
    then = timezone.now().replace(microsecond=0) - timedelta(seconds=40)
    live = make_live(enabled.integration, opened_at=then)
    record_writer.write(Batch(opened={live.id: live}), make_process(heartbeat_at=then).pk)
    (row,) = run_json("outlets")
    assert (row["Online"], datetime.fromisoformat(row["Since"])) == (False, then)


def test_outlets_as_text_is_one_line_each(enabled: Enabled, outlet: Outlet) -> None:
    lines = run("outlets")[0].splitlines()
    assert len(lines) == 2
    assert any("Harbour: not enabled" in line for line in lines)
    assert any(f"{STATION}: never seen" in line for line in lines)
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


# --- All of them


def test_what_is_done_at_a_shell_is_audited_as_done_at_a_shell(enabled: Enabled) -> None:
    run("disable_outlet", enabled.handover.provider_outlet_id, "--reason", "unpaid")
    event = AuditEvent.objects.latest("pk")
    assert event.verb == Verb.DISABLED
    assert event.actor_name.startswith("shell: ")
    assert (event.actor_id, event.address) == (None, "")


def test_a_command_wakes_the_processes_when_it_is_committed(
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
def test_a_command_alone_at_a_shell_ends_though_nobody_is_there_to_be_woken() -> None:
    enabled = make_enabled_outlet()
    run("disable_outlet", enabled.handover.provider_outlet_id, "--reason", "unpaid")
    assert not enabled.fresh().is_enabled
