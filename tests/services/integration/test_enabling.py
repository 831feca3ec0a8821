"""Enable an outlet, disable it, enable it again, and correct its POSRemoteID."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from integrations.models import AuditEvent, Credential, Integration, Outlet, Presence
from integrations.security.secret_digests import SecretKind, recognise
from integrations.services import wake
from integrations.services.connections.errors import MistypedSecret
from integrations.services.errors import InvalidValue
from integrations.services.integration import enabling
from integrations.services.integration.enabling import change_pos_remote_id, disable, enable_outlet, reenable
from integrations.services.integration.errors import (
    AlreadyDisabled,
    AlreadyEnabled,
    NotDisabled,
    PosRemoteIdTaken,
    SecretTaken,
)
from tests.support.factories import ADOPTED, ANNA, Enabled, make_enabled_outlet, make_outlet

pytestmark = pytest.mark.django_db

REMOTE = "TestOrg-7ab4da81-d75b-4239-9aac-bdc0d2fb8f9a"
CaptureCommits = Callable[..., AbstractContextManager[list[Callable[[], Any]]]]


def test_enabling_returns_the_values_that_both_sides_need(outlet: Outlet) -> None:
    handover = enable_outlet(outlet, pos_remote_id=REMOTE, actor=ANNA)
    assert list(handover.as_wire()) == ["ProviderOutletID", "POSRemoteID", "AuthSecret", "AuthURL", "WebsocketURL"]
    assert handover.as_wire() | {"AuthSecret": ""} == {
        "ProviderOutletID": outlet.provider_outlet_id,
        "POSRemoteID": REMOTE,
        "AuthSecret": "",
        "AuthURL": "http://127.0.0.1:8000/api/powerepos/v1/auth",
        "WebsocketURL": "ws://127.0.0.1:8000",
    }
    assert recognise(SecretKind.POS_SECRET, handover.auth_secret) == handover.auth_secret


@override_settings(PUBLIC_URL="https://portal.example.com:8443")
def test_behind_https_the_websockets_address_is_wss_on_the_same_host(outlet: Outlet) -> None:
    handover = enable_outlet(outlet, pos_remote_id=REMOTE, actor=ANNA)
    assert handover.auth_url == "https://portal.example.com:8443/api/powerepos/v1/auth"
    assert handover.websocket_url == "wss://portal.example.com:8443"


def test_the_secret_is_not_in_the_handovers_repr(outlet: Outlet) -> None:
    handover = enable_outlet(outlet, pos_remote_id=REMOTE, actor=ANNA)
    assert handover.auth_secret not in repr(handover)


def test_the_secret_is_stored_nowhere(outlet: Outlet) -> None:
    secret = enable_outlet(outlet, pos_remote_id=REMOTE, actor=ANNA).auth_secret
    rows = [*Credential.objects.values(), *Integration.objects.values(), *AuditEvent.objects.values()]
    assert secret not in repr(rows)
    assert secret.replace("-", "")[9:35] not in repr(rows).replace("-", "")


def test_a_newly_enabled_outlet_is_offline_and_never_connected(outlet: Outlet) -> None:
    enable_outlet(outlet, pos_remote_id=REMOTE, actor=ANNA)
    integration = Integration.objects.get(outlet=outlet)
    assert (integration.is_enabled, integration.generation, integration.disabled_reason) == (True, 1, "")
    presence = Presence.objects.get(integration=integration)
    assert (presence.is_online, presence.since, presence.last_seen_at) == (False, None, None)


def test_the_credential_records_its_creator_and_prefix(outlet: Outlet) -> None:
    secret = enable_outlet(outlet, pos_remote_id=REMOTE, actor=ANNA).auth_secret
    credential = Credential.objects.get()
    assert (credential.created_by, credential.shown, credential.is_current) == ("anna", secret[:10], True)
    assert not credential.is_weak


def test_an_outlet_is_not_enabled_twice(enabled: Enabled) -> None:
    with pytest.raises(AlreadyEnabled):
        enable_outlet(enabled.integration.outlet, pos_remote_id="another", actor=ANNA)
    assert Credential.objects.count() == 1


def test_a_disabled_outlet_gets_no_second_integration(enabled: Enabled) -> None:
    disable(enabled.integration, reason="moved", actor=ANNA)
    with pytest.raises(AlreadyEnabled):
        enable_outlet(enabled.integration.outlet, pos_remote_id="another", actor=ANNA)


def test_two_outlets_never_share_a_pos_remote_id(enabled: Enabled, outlet: Outlet) -> None:
    with pytest.raises(PosRemoteIdTaken):
        enable_outlet(outlet, pos_remote_id=enabled.handover.pos_remote_id, actor=ANNA)
    assert not Integration.objects.filter(outlet=outlet).exists()


@pytest.mark.parametrize(("value", "refusal"), [("pos_remote_id", PosRemoteIdTaken), ("adopted_secret", SecretTaken)])
def test_a_value_taken_by_another_outlet_after_the_check_is_refused_by_field_name(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch, value: str, refusal: type[Exception]
) -> None:
    check = enabling._check_new
    theirs = {"pos_remote_id": "theirs", "adopted_secret": "theirS3cr3t!"}
    ours = {"pos_remote_id": REMOTE, "adopted_secret": ADOPTED, value: theirs[value]}

    def check_then_lose_race(integration: Integration) -> None:
        monkeypatch.undo()
        check(integration)
        make_enabled_outlet("Airport", **theirs)

    monkeypatch.setattr(enabling, "_check_new", check_then_lose_race)
    with pytest.raises(refusal):
        enable_outlet(outlet, actor=ANNA, **ours)
    assert not Integration.objects.filter(outlet=outlet).exists()


@pytest.mark.parametrize("remote", ["", "   ", "\u200b", "a\u200bb", "a\u00a0b", "a\nb", "a\x00b", "x" * 129])
def test_a_malformed_pos_remote_id_is_refused_by_field_name(outlet: Outlet, remote: str) -> None:
    with pytest.raises(InvalidValue, match="POSRemoteID") as refused:
        enable_outlet(outlet, pos_remote_id=remote, actor=ANNA)
    assert refused.value.field == "pos_remote_id"


def test_a_pos_remote_id_may_be_any_128_characters(outlet: Outlet) -> None:
    remote = "\u4e2d \U0001f355 'quoted'".ljust(128, "x")
    assert enable_outlet(outlet, pos_remote_id=remote, actor=ANNA).pos_remote_id == remote


def test_a_refusal_stores_nothing(outlet: Outlet) -> None:
    before = AuditEvent.objects.count()
    with pytest.raises(MistypedSecret):
        enable_outlet(outlet, pos_remote_id=REMOTE, adopted_secret="ONPS-12345-MISTYPED", actor=ANNA)
    assert not Integration.objects.exists()
    assert not Credential.objects.exists()
    assert AuditEvent.objects.count() == before


# --- Disable and enable again


def test_disabling_stores_the_reason_and_voids_the_tokens(enabled: Enabled) -> None:
    disable(enabled.integration, reason="  contract ended ", actor=ANNA)
    after = enabled.fresh()
    assert (after.is_enabled, after.disabled_reason) == (False, "contract ended")
    assert after.generation == enabled.integration.generation + 1
    assert after.changed_at > enabled.integration.changed_at


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_disabling_needs_a_valid_reason(enabled: Enabled, reason: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        disable(enabled.integration, reason=reason, actor=ANNA)
    assert refused.value.field == "reason"
    assert enabled.fresh().is_enabled


def test_a_disabled_integration_is_not_disabled_again(enabled: Enabled) -> None:
    disable(enabled.integration, reason="first", actor=ANNA)
    with pytest.raises(AlreadyDisabled):
        disable(enabled.integration, reason="second", actor=ANNA)
    assert enabled.fresh().disabled_reason == "first"


def test_enabling_again_clears_the_reason_and_accepts_no_old_token(enabled: Enabled) -> None:
    disable(enabled.integration, reason="pause", actor=ANNA)
    voided = enabled.fresh()
    reenable(enabled.integration, reason="back from holiday", actor=ANNA)
    after = enabled.fresh()
    assert (after.is_enabled, after.disabled_reason) == (True, "")
    assert after.generation >= voided.generation > enabled.integration.generation
    assert after.changed_at > voided.changed_at


def test_enabling_again_keeps_the_secret(enabled: Enabled) -> None:
    before = enabled.integration.current_credential()
    disable(enabled.integration, reason="pause", actor=ANNA)
    reenable(enabled.integration, actor=ANNA)
    assert enabled.fresh().current_credential() == before
    assert before.is_live(before.created_at)


def test_an_enabled_integration_is_not_enabled_again(enabled: Enabled) -> None:
    with pytest.raises(NotDisabled):
        reenable(enabled.integration, actor=ANNA)


# --- Pairing


def test_correcting_the_pos_remote_id_voids_tokens_for_the_old_one(enabled: Enabled) -> None:
    change_pos_remote_id(enabled.integration, pos_remote_id=REMOTE, actor=ANNA)
    after = enabled.fresh()
    assert after.pos_remote_id == REMOTE
    assert after.generation == enabled.integration.generation + 1


def test_a_correction_to_the_pos_remote_id_of_another_outlet_is_refused(enabled: Enabled) -> None:
    other = make_enabled_outlet("Airport")
    with pytest.raises(PosRemoteIdTaken):
        change_pos_remote_id(enabled.integration, pos_remote_id=other.handover.pos_remote_id, actor=ANNA)
    assert enabled.fresh().pos_remote_id == enabled.handover.pos_remote_id


def test_a_malformed_corrected_pos_remote_id_is_refused(enabled: Enabled) -> None:
    with pytest.raises(InvalidValue):
        change_pos_remote_id(enabled.integration, pos_remote_id="a\x00b", actor=ANNA)


# --- Waking


@pytest.mark.parametrize(
    "act",
    [
        lambda integration: disable(integration, reason="pause", actor=ANNA),
        lambda integration: change_pos_remote_id(integration, pos_remote_id=REMOTE, actor=ANNA),
    ],
)
def test_the_processes_are_woken_only_after_the_commit(
    enabled: Enabled, act: Callable[[Integration], None], django_capture_on_commit_callbacks: CaptureCommits
) -> None:
    woken: list[int] = []
    wake.listen(woken.append)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            act(enabled.integration)
            assert woken == []
        assert woken == [enabled.integration.pk]
    finally:
        wake.forget(woken.append)


def test_a_change_that_is_committed_succeeds_even_if_waking_fails(
    enabled: Enabled, django_capture_on_commit_callbacks: CaptureCommits
) -> None:
    def fail(_integration_id: int) -> None:
        raise ValueError("a bug")

    wake.listen(fail)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            disable(enabled.integration, reason="pause", actor=ANNA)
    finally:
        wake.forget(fail)
    assert not enabled.fresh().is_enabled


def test_a_rollback_wakes_no_process(enabled: Enabled, django_capture_on_commit_callbacks: CaptureCommits) -> None:
    with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
        disable(enabled.integration, reason="pause", actor=ANNA)
        transaction.set_rollback(True)
    assert callbacks == []
    assert enabled.fresh().is_enabled


def test_an_outlet_of_the_same_name_in_another_organisation_is_another_outlet(enabled: Enabled) -> None:
    namesake = make_outlet(enabled.integration.outlet.name, organisation="Osteria")
    handover = enable_outlet(namesake, pos_remote_id=REMOTE, actor=ANNA)
    assert handover.provider_outlet_id != enabled.handover.provider_outlet_id
