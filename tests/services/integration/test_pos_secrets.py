"""An integration's secrets: rotated with an overlap, retired, adopted, never shared and never deleted."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.db.models import ProtectedError
from django.test import override_settings
from django.utils import timezone

from integrations.models import AuditEvent, Credential, HandoverLink, Outlet
from integrations.models.audit import Verb
from integrations.models.handover_link import LinkState
from integrations.security.secret_digests import Algorithm, SecretKind, generate
from integrations.services.connections.errors import MistypedSecret
from integrations.services.errors import InvalidValue, NoOverlap, OverlapRunning, StalePage
from integrations.services.handover.links import create_link
from integrations.services.integration.enabling import disable, enable_outlet
from integrations.services.integration.errors import NewSecretInUse, SecretTaken, WeakSecret
from integrations.services.integration.pos_secrets import (
    adopt_secret,
    end_overlap,
    replace_unused_secret,
    rotate_secret,
)
from integrations.services.overlaps import OVERLAPS
from tests.support.factories import ADOPTED, ANNA, NOON, Enabled, make_enabled_outlet

pytestmark = pytest.mark.django_db


def credentials_of(enabled: Enabled) -> list[Credential]:
    return list(enabled.integration.credentials.order_by("pk"))


# --- Rotation


def test_rotation_returns_a_new_secret_with_the_same_addresses(enabled: Enabled) -> None:
    after = rotate_secret(enabled.integration, actor=ANNA)
    assert after.auth_secret != enabled.handover.auth_secret
    assert after.as_wire() | {"AuthSecret": ""} == enabled.handover.as_wire() | {"AuthSecret": ""}


def test_without_overlap_the_old_secret_is_retired_and_its_tokens_are_void(enabled: Enabled) -> None:
    rotate_secret(enabled.integration, actor=ANNA)
    old, new = credentials_of(enabled)
    assert old.retired_at is not None
    assert old.retired_reason
    assert (old.is_current, new.is_current) == (False, True)
    assert enabled.fresh().generation == enabled.integration.generation + 1


@pytest.mark.parametrize(("overlap", "lasts"), [each for each in OVERLAPS.items() if each[0] != "0"])
def test_with_an_overlap_the_old_secret_and_its_tokens_stay_valid_for_that_time(
    enabled: Enabled, overlap: str, lasts: timedelta
) -> None:
    with time_machine.travel(NOON, tick=False):
        rotate_secret(enabled.integration, overlap=overlap, actor=ANNA)
    old, new = credentials_of(enabled)
    assert old.is_live(NOON + lasts - timedelta(seconds=1))
    assert not old.is_live(NOON + lasts)
    assert new.expires_at is None
    assert enabled.fresh().generation == enabled.integration.generation


def test_the_overlaps_are_none_an_hour_a_day_and_a_week() -> None:
    day = timedelta(days=1)
    assert {"0": timedelta(0), "1h": timedelta(hours=1), "24h": day, "7d": 7 * day} == OVERLAPS


def test_a_second_rotation_inside_the_overlap_is_refused(enabled: Enabled) -> None:
    rotate_secret(enabled.integration, overlap="1h", actor=ANNA)
    for overlap in ("0", "1h"):
        with pytest.raises(OverlapRunning):
            rotate_secret(enabled.integration, overlap=overlap, actor=ANNA)
    assert len(credentials_of(enabled)) == 2


def test_a_second_rotation_after_the_overlap_is_accepted(enabled: Enabled) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        rotate_secret(enabled.integration, overlap="1h", actor=ANNA)
        clock.shift(timedelta(hours=1))
        rotate_secret(enabled.integration, overlap="1h", actor=ANNA)
    assert [each.is_current for each in credentials_of(enabled)] == [False, False, True]


def test_a_new_secret_that_was_never_used_is_replaced_without_ending_the_overlap(enabled: Enabled) -> None:
    lost = rotate_secret(enabled.integration, overlap="7d", actor=ANNA)
    before = credentials_of(enabled)[0].expires_at
    after = replace_unused_secret(enabled.integration, seen=credentials_of(enabled)[1].version, actor=ANNA)
    old, replaced, new = credentials_of(enabled)
    assert after.auth_secret not in (lost.auth_secret, enabled.handover.auth_secret)
    assert (old.is_in_overlap(timezone.now()), old.expires_at) == (True, before)
    assert (replaced.is_live(timezone.now()), replaced.retired_reason) == (False, "replaced before its first use")
    assert (new.is_current, new.expires_at) == (True, None)
    assert enabled.fresh().generation == enabled.integration.generation, "the POS stays connected"
    event = AuditEvent.objects.get(verb=Verb.UNUSED_SECRET_REPLACED)
    assert event.detail == {"shown": new.shown, "replaced": replaced.shown}


def test_replacing_an_unused_secret_revokes_its_link(enabled: Enabled) -> None:
    after = rotate_secret(enabled.integration, overlap="7d", actor=ANNA)
    create_link(enabled.integration.current_credential(), after, hours=1, actor=ANNA)
    replace_unused_secret(enabled.integration, actor=ANNA)
    assert HandoverLink.objects.get().state == LinkState.REVOKED


def test_only_the_unused_new_secret_of_an_overlap_is_replaced(enabled: Enabled) -> None:
    with pytest.raises(NoOverlap):
        replace_unused_secret(enabled.integration, actor=ANNA)
    rotate_secret(enabled.integration, overlap="7d", actor=ANNA)
    with pytest.raises(StalePage):
        replace_unused_secret(enabled.integration, seen=credentials_of(enabled)[0].version, actor=ANNA)
    Credential.objects.filter(is_current=True).update(last_used_at=timezone.now())
    with pytest.raises(NewSecretInUse):
        replace_unused_secret(enabled.integration, actor=ANNA)
    assert len(credentials_of(enabled)) == 2


def test_an_overlap_can_be_ended_at_once_and_then_rotated(enabled: Enabled) -> None:
    rotate_secret(enabled.integration, overlap="7d", actor=ANNA)
    before = enabled.fresh()
    end_overlap(enabled.integration, actor=ANNA)
    old, new = credentials_of(enabled)
    assert old.retired_at is not None
    assert new.is_live(timezone.now())
    assert enabled.fresh().changed_at > before.changed_at
    rotate_secret(enabled.integration, overlap="1h", actor=ANNA)


def test_ending_the_overlap_keeps_tokens_of_the_new_secret_valid(enabled: Enabled) -> None:
    rotate_secret(enabled.integration, overlap="7d", actor=ANNA)
    end_overlap(enabled.integration, actor=ANNA)
    assert enabled.fresh().generation == enabled.integration.generation


def test_without_a_running_overlap_there_is_nothing_to_end(enabled: Enabled) -> None:
    with pytest.raises(NoOverlap):
        end_overlap(enabled.integration, actor=ANNA)
    with time_machine.travel(NOON, tick=False) as clock:
        rotate_secret(enabled.integration, overlap="1h", actor=ANNA)
        clock.shift(timedelta(hours=2))
        with pytest.raises(NoOverlap):
            end_overlap(enabled.integration, actor=ANNA)


def test_a_form_that_is_sent_twice_rotates_once(enabled: Enabled) -> None:
    seen = enabled.integration.current_credential().pk
    rotate_secret(enabled.integration, seen=str(seen), actor=ANNA)
    with pytest.raises(StalePage):
        rotate_secret(enabled.integration, seen=str(seen), actor=ANNA)
    assert len(credentials_of(enabled)) == 2


def test_an_unknown_overlap_is_a_caller_error_and_rotates_nothing(enabled: Enabled) -> None:
    with pytest.raises(KeyError):
        rotate_secret(enabled.integration, overlap="3d", actor=ANNA)
    assert len(credentials_of(enabled)) == 1


def test_the_secret_of_a_disabled_integration_can_be_rotated_and_it_stays_disabled(enabled: Enabled) -> None:
    disable(enabled.integration, reason="leaked", actor=ANNA)
    rotate_secret(enabled.integration, actor=ANNA)
    assert not enabled.fresh().is_enabled


def test_deleting_a_parent_row_never_deletes_a_credential(enabled: Enabled) -> None:
    with pytest.raises(ProtectedError):
        enabled.integration.delete()


# --- Adoption


def test_an_adopted_secret_is_stored_under_argon2id_and_marked_as_weak(outlet: Outlet) -> None:
    handover = enable_outlet(outlet, pos_remote_id="r", adopted_secret=ADOPTED, actor=ANNA)
    assert handover.auth_secret == ADOPTED
    credential = Credential.objects.get()
    assert credential.algorithm == Algorithm.ARGON2ID
    assert credential.is_weak
    assert ADOPTED not in repr(Credential.objects.values().get())
    assert AuditEvent.objects.filter(verb=Verb.SECRET_ADOPTED).count() == 1


def test_a_secret_can_only_ever_be_adopted_by_one_integration(outlet: Outlet) -> None:
    first = make_enabled_outlet("Airport", adopted_secret=ADOPTED)
    with pytest.raises(SecretTaken):
        enable_outlet(outlet, pos_remote_id="r", adopted_secret=ADOPTED, actor=ANNA)
    rotate_secret(first.integration, actor=ANNA)
    with pytest.raises(SecretTaken):
        enable_outlet(outlet, pos_remote_id="r", adopted_secret=ADOPTED, actor=ANNA)


def test_a_taken_adopted_secret_is_found_after_the_servers_key_changed(outlet: Outlet) -> None:
    make_enabled_outlet("Airport", adopted_secret=ADOPTED)
    changed = {"CREDENTIAL_KEY": "another-key" * 5, "CREDENTIAL_KEY_FALLBACKS": _key()}
    with override_settings(**changed), pytest.raises(SecretTaken):
        enable_outlet(outlet, pos_remote_id="r", adopted_secret=ADOPTED, actor=ANNA)


def test_a_generated_secret_of_another_integration_is_not_adopted(enabled: Enabled, outlet: Outlet) -> None:
    for spelt in (enabled.handover.auth_secret, enabled.handover.auth_secret.lower().replace("-", "")):
        with pytest.raises(SecretTaken):
            enable_outlet(outlet, pos_remote_id="r", adopted_secret=spelt, actor=ANNA)


def test_a_taken_generated_secret_is_found_after_the_servers_key_changed(enabled: Enabled, outlet: Outlet) -> None:
    changed = {"CREDENTIAL_KEY": "another-key" * 5, "CREDENTIAL_KEY_FALLBACKS": _key()}
    with override_settings(**changed), pytest.raises(SecretTaken):
        enable_outlet(outlet, pos_remote_id="r", adopted_secret=enabled.handover.auth_secret, actor=ANNA)


def test_a_secret_that_another_portal_generated_is_adopted_with_its_fast_digest(outlet: Outlet) -> None:
    enable_outlet(outlet, pos_remote_id="r", adopted_secret=generate(SecretKind.POS_SECRET).lower(), actor=ANNA)
    credential = Credential.objects.get()
    assert credential.algorithm == Algorithm.HMAC_SHA256
    assert not credential.is_weak


def test_a_mistyped_generated_secret_is_not_adopted_as_a_weak_one() -> None:
    with pytest.raises(MistypedSecret):
        adopt_secret(generate(SecretKind.POS_SECRET)[:-1])


@pytest.mark.parametrize("secret", ["", "short", "1234567"])
def test_a_secret_that_is_too_short_is_not_adopted(secret: str) -> None:
    with pytest.raises(WeakSecret):
        adopt_secret(secret)


@pytest.mark.parametrize("secret", ["password1", "PassWord123", " qwertyuiop ", "1qaz2wsx3edc"])
def test_a_common_password_is_not_adopted_however_long_it_is(secret: str) -> None:
    with pytest.raises(WeakSecret, match="common password"):
        adopt_secret(secret)


@pytest.mark.parametrize("secret", ["aaaaaaaaaaaaaaaa", "abababababab", "7007007007007007", "a!a!a!a!a!a!"])
def test_a_secret_of_one_or_two_characters_is_not_adopted_however_long_it_is(secret: str) -> None:
    with pytest.raises(WeakSecret, match="repeats so few characters"):
        adopt_secret(secret)


@pytest.mark.parametrize(
    "secret",
    ["shared\u200bS3cr3t!", "shared\u00a0S3cr3t", "shared\x00S3cr3t", "shared\nS3cr3t", "shared\ud800x", "x" * 257],
)
def test_a_secret_that_transmission_would_alter_is_not_adopted(secret: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        adopt_secret(secret)
    assert refused.value.field == "adopted_secret"
    assert secret not in str(refused.value)


def test_a_rotation_replaces_an_adopted_secret_with_a_generated_one(outlet: Outlet) -> None:
    adopted = make_enabled_outlet("Airport", adopted_secret=ADOPTED)
    rotate_secret(adopted.integration, overlap="1h", actor=ANNA)
    assert adopted.integration.current_credential().algorithm == Algorithm.HMAC_SHA256


def _key() -> list[str]:
    return [settings.CREDENTIAL_KEY]
