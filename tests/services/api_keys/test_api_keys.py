"""An API key is shown once, rotated with an overlap, and retired permanently."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations.models import ApiKey, ApiKeySecret, AuditEvent
from integrations.models.api_key import DEFAULT_SCOPES, READING_SCOPES, Scope
from integrations.security import secret_digests
from integrations.security.secret_digests import SecretKind
from integrations.services.api_keys.api_keys import (
    change_api_key,
    create_api_key,
    end_api_key_overlap,
    retire_api_key,
    rotate_api_key,
)
from integrations.services.api_keys.errors import ApiKeyExists, ApiKeyExpired, ApiKeyRetired
from integrations.services.errors import (
    InvalidValue,
    NoOverlap,
    OverlapRunning,
    StalePage,
)
from tests.support.factories import ANNA, NOON, make_organisation

pytestmark = pytest.mark.django_db


def is_accepted(text: str) -> bool:
    """Return whether the portal accepts a key's plain text now."""
    canonical = secret_digests.recognise(SecretKind.API_KEY, text) or ""
    digests = secret_digests.keyed_digests(canonical)
    return ApiKeySecret.objects.live(timezone.now()).filter(digest__in=digests).exists()


def test_a_key_is_generated_and_stored_only_as_a_digest() -> None:
    key, text = create_api_key("kiosk", actor=ANNA)
    assert text.startswith("ONPK-")
    assert is_accepted(text)
    secret = key.secrets.get()
    assert text not in str(vars(secret))
    assert text.startswith(secret.shown)


def test_a_change_to_the_same_access_leaves_no_audit_event_and_a_retired_key_is_not_changed() -> None:
    key, _ = create_api_key("kiosk", calls_per_second=5, actor=ANNA)
    change_api_key(key, scopes=DEFAULT_SCOPES, calls_per_second=5, actor=ANNA)
    assert not AuditEvent.objects.filter(verb="api_key_changed").exists()
    retire_api_key(key, actor=ANNA)
    with pytest.raises(ApiKeyRetired):
        change_api_key(key, scopes=READING_SCOPES, actor=ANNA)
    assert ApiKey.objects.get().scopes == list(DEFAULT_SCOPES)


def test_creating_a_key_is_audited_without_the_key() -> None:
    organisation = make_organisation()
    key, text = create_api_key("kiosk", organisation=organisation, scopes=READING_SCOPES, actor=ANNA)
    change_api_key(key, scopes=READING_SCOPES, networks=["192.0.2.0/24"], actor=ANNA)
    rotate_api_key(key, overlap="1h", actor=ANNA)
    end_api_key_overlap(key, actor=ANNA)
    retire_api_key(key, actor=ANNA)
    events = list(AuditEvent.objects.filter(subject="kiosk").order_by("pk"))
    verbs = ["api_key_created", "api_key_changed", "api_key_rotated", "api_key_overlap_ended", "api_key_retired"]
    assert [event.verb for event in events] == verbs
    assert events[1].detail == {"networks": {"before": [], "after": ["192.0.2.0/24"]}}
    assert {event.organisation_id for event in events} == {organisation.pk}
    assert not any(text in json.dumps(event.detail) for event in events)


def test_a_key_describes_its_abilities_in_one_sentence() -> None:
    key, _ = create_api_key("web shop", actor=ANNA)
    assert (
        key.abilities == "In all organisations, the key can read requests, send and cancel requests and read outlets."
    )
    scopes, networks = [Scope.EVENTS_READ], ["192.0.2.0/24", "2001:db8::/32"]
    key, _ = create_api_key("b", organisation=make_organisation("Bella"), scopes=scopes, networks=networks, actor=ANNA)
    where = "192.0.2.0/24 or 2001:db8::/32"
    assert key.abilities == f"In Bella, the key can read events, if the call comes from {where}."


def test_the_scopes_and_networks_of_a_new_key_are_audited() -> None:
    create_api_key("kiosk", scopes=[Scope.OUTLETS_READ], networks=["192.0.2.7", "192.0.2.7/32"], actor=ANNA)
    detail = AuditEvent.objects.get(subject="kiosk").detail
    assert (detail["scopes"], detail["networks"]) == (["outlets:read"], ["192.0.2.7/32"])


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["outlets:read", "all"]}, "scopes"),
        ({"networks": ["192.0.2.1/24"]}, "networks"),
        ({"calls_per_second": 0}, "calls_per_second"),
        ({"calls_per_second": 1, "calls_burst": 100_001}, "calls_burst"),
        ({"calls_burst": 5}, "calls_per_second"),
        ({"networks": ["example.com"]}, "networks"),
        ({"networks": [f"192.0.2.{number}" for number in range(51)]}, "networks"),
    ],
)
def test_a_key_without_a_known_scope_or_with_an_invalid_network_or_limit_is_refused(values: Any, field: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        create_api_key("kiosk", **values, actor=ANNA)
    assert refusal.value.field == field
    assert not ApiKey.objects.exists()


def test_a_key_for_all_organisations_is_audited_without_an_organisation() -> None:
    create_api_key("kiosk", actor=ANNA)
    assert AuditEvent.objects.get().organisation_id is None


def test_a_second_key_of_the_same_name_is_refused_even_after_retirement() -> None:
    key, _ = create_api_key("kiosk", actor=ANNA)
    retire_api_key(key, actor=ANNA)
    with pytest.raises(ApiKeyExists):
        create_api_key("kiosk", actor=ANNA)


@pytest.mark.parametrize("changes", [{"name": ""}, {"name": "a\u200bb"}, {"name": "x" * 101}, {"expires_at": NOON}])
def test_a_wrong_value_is_refused(changes: dict[str, Any]) -> None:
    values = {"name": "kiosk"} | changes
    with pytest.raises(InvalidValue):
        create_api_key(values.pop("name"), actor=ANNA, **values)
    assert not ApiKey.objects.exists()


def test_without_an_overlap_the_old_key_ends_at_once() -> None:
    key, old = create_api_key("kiosk", actor=ANNA)
    new = rotate_api_key(key, actor=ANNA)
    assert (is_accepted(old), is_accepted(new)) == (False, True)


def test_during_an_overlap_both_keys_work() -> None:
    key, old = create_api_key("kiosk", actor=ANNA)
    new = rotate_api_key(key, overlap="1h", actor=ANNA)
    assert (is_accepted(old), is_accepted(new)) == (True, True)
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1), tick=False):
        assert (is_accepted(old), is_accepted(new)) == (False, True)


def test_an_overlap_can_be_ended_and_blocks_a_second_one_until_then() -> None:
    key, old = create_api_key("kiosk", actor=ANNA)
    rotate_api_key(key, overlap="7d", actor=ANNA)
    with pytest.raises(OverlapRunning):
        rotate_api_key(key, actor=ANNA)
    end_api_key_overlap(key, actor=ANNA)
    assert not is_accepted(old)
    with pytest.raises(NoOverlap):
        end_api_key_overlap(key, actor=ANNA)


def test_a_form_sent_twice_rotates_once() -> None:
    key, _ = create_api_key("kiosk", actor=ANNA)
    seen = key.secrets.get().pk
    rotate_api_key(key, seen=str(seen), actor=ANNA)
    with pytest.raises(StalePage):
        rotate_api_key(key, seen=str(seen), actor=ANNA)


def test_rotation_does_not_extend_the_expiry() -> None:
    until = timezone.now() + timedelta(minutes=30)
    key, old = create_api_key("kiosk", expires_at=until, actor=ANNA)
    new = rotate_api_key(key, overlap="24h", actor=ANNA)
    with time_machine.travel(until + timedelta(seconds=1), tick=False):
        assert (is_accepted(old), is_accepted(new)) == (False, False)
        with pytest.raises(ApiKeyExpired):
            rotate_api_key(key, actor=ANNA)


def test_retirement_ends_a_key_and_its_old_secret_at_once_and_for_good() -> None:
    key, old = create_api_key("kiosk", actor=ANNA)
    new = rotate_api_key(key, overlap="7d", actor=ANNA)
    retire_api_key(key, actor=ANNA)
    assert (is_accepted(old), is_accepted(new)) == (False, False)
    with pytest.raises(ApiKeyRetired):
        rotate_api_key(key, actor=ANNA)
    with pytest.raises(ApiKeyRetired):
        retire_api_key(key, actor=ANNA)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_commands_go_through_a_keys_whole_life() -> None:
    make_organisation("Bella")
    created = json.loads(run("create_api_key", "till", "--organisation", "Bella", "--read-only", "--format", "json"))
    assert list(created) == ["Name", "Key"]
    assert is_accepted(created["Key"])
    rotated = json.loads(run("rotate_api_key", "till", "--overlap", "1h", "--format", "json"))
    assert is_accepted(rotated["Key"])
    run("rotate_api_key", "till", "--end-overlap")
    assert not is_accepted(created["Key"])
    run("retire_api_key", "till")
    assert not is_accepted(rotated["Key"])
    key = ApiKey.objects.get()
    assert (key.name, key.scopes, str(key.organisation)) == ("till", list(READING_SCOPES), "Bella")


def test_the_command_chooses_scopes_networks_and_limit() -> None:
    scopes = ["--scope", "outlets:read", "--scope", "outlets:write"]
    networks = ["--network", "192.0.2.0/24", "--network", "2001:db8::/32"]
    run("create_api_key", "back office", *scopes, *networks, "--calls-per-second", "20", "--calls-burst", "50")
    key = ApiKey.objects.get()
    assert (key.scopes, key.networks) == (["outlets:read", "outlets:write"], ["192.0.2.0/24", "2001:db8::/32"])
    assert key.call_limit == (20, 50)
    run("create_api_key", "kiosk")
    kiosk = ApiKey.objects.get(name="kiosk")
    assert (kiosk.scopes, kiosk.networks) == (list(DEFAULT_SCOPES), [])


def test_a_command_prints_text_for_people() -> None:
    printed = run("create_api_key", "till", "--expires-in-days", "30")
    assert is_accepted(printed.split()[-1])


@pytest.mark.parametrize(
    "arguments",
    [
        ("create_api_key", "x", "--organisation", "Nobody"),
        ("create_api_key", "x", "--expires-in-days", "0"),
        ("create_api_key", "x", "--expires-in-days", "99999999"),
        ("rotate_api_key", "nobody"),
        ("retire_api_key", "nobody"),
    ],
)
def test_a_refusal_of_the_service_ends_the_command(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)
