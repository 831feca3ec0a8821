"""Before a sensitive act the portal asks again who it is, when the last proof is older than 15 minutes."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from integrations.models import ApiKey, BulkJob, Integration, Outlet
from integrations.models.bulk_job import Kind
from integrations.services import bulk_jobs, webhooks
from integrations.services.audit import Actor
from integrations.services.groups import VIEWER, ensure_groups
from integrations.staff.signing_in import records
from tests.factories import ADOPTED, ANNA, Enabled
from tests.signing_in import prove
from tests.test_second_factors import code_of, give_app
from tests.test_sign_in import PASSWORD
from tests.test_staff_pages import act_url, enable_url, text
from tests.test_staff_people import make_person, page_of

CONFIRM = reverse("account_reauthenticate")
AT_LEAST, STALE = 900, 901


@pytest.fixture(autouse=True)
def _time_stands(time_machine: Any) -> None:
    time_machine.move_to("2026-03-01T12:00:10Z", tick=False)


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password=PASSWORD)


@pytest.fixture
def stale(client: Client, boss: User) -> Client:
    """A browser that somebody left open for a little more than 15 minutes."""
    client.force_login(boss)
    prove(client, boss, ago=STALE)
    return client


def assert_asked(client: Client, url: str) -> None:
    for answer in (client.get(url), client.post(url, {"reason": "x"})):
        assert answer.status_code == 302, url
        assert answer["Location"].startswith(f"{CONFIRM}?next="), url


def test_every_sensitive_act_asks_for_its_form_and_for_its_answer(
    stale: Client, boss: User, enabled: Enabled, outlet: Outlet
) -> None:
    ensure_groups()
    otto = make_person("otto", VIEWER)
    key = ApiKey.objects.create(name="Web shop")
    endpoint, _ = webhooks.create_endpoint(
        name="Hook", url="https://x.example/", kinds=["alert.began"], organisation=None, actor=ANNA
    )
    job = bulk_jobs.check_selection(Kind.DISABLE, [enabled.integration.pk], actor=Actor("boss", boss))
    for url in (
        enable_url(outlet),
        act_url(enabled.integration, "rotate"),
        reverse("admin:integrations_apikey_add"),
        reverse("admin:integrations_apikey_rotate", args=(key.pk,)),
        reverse("admin:integrations_webhookendpoint_add"),
        reverse("admin:integrations_webhookendpoint_rotate", args=(endpoint.pk,)),
        reverse("admin:integrations_bulkjob_change", args=(job.pk,)),
        reverse("admin:auth_user_add"),
        page_of(otto),
        reverse("admin:auth_user_password_change", args=(otto.pk,)),
        reverse("admin:auth_user_reset_factors", args=(otto.pk,)),
        reverse("admin:auth_user_unlink_identity", args=(otto.pk, 1)),
        reverse("admin:auth_group_add"),
        reverse("admin:password_change"),
        reverse("mfa_activate_totp"),
        reverse("mfa_add_webauthn"),
        reverse("mfa_generate_recovery_codes"),
    ):
        assert_asked(stale, url)
    download = reverse("admin:integrations_bulkjob_download", args=(job.pk,))
    assert stale.post(download)["Location"].startswith(CONFIRM)
    assert Integration.objects.count() == 1
    assert enabled.fresh().generation == enabled.integration.generation


def test_the_other_pages_do_not_ask(stale: Client, enabled: Enabled) -> None:
    for url in (
        reverse("admin:index"),
        act_url(enabled.integration, "disable"),
        reverse("admin:auth_user_changelist"),
        reverse("mfa_index"),
    ):
        assert stale.get(url).status_code == 200, url


def test_within_fifteen_minutes_nobody_is_asked_and_the_setting_changes_the_time(
    client: Client, boss: User, outlet: Outlet, settings: Any
) -> None:
    client.force_login(boss)
    prove(client, boss, ago=AT_LEAST)
    assert client.get(enable_url(outlet)).status_code == 200
    settings.REAUTHENTICATE_SECONDS = 60
    assert_asked(client, enable_url(outlet))


def test_a_session_without_any_proof_is_not_taken_for_proved(client: Client, boss: User, outlet: Outlet) -> None:
    client.force_login(boss)
    session = client.session
    session["account_authentication_methods"] = []
    session.save()
    assert_asked(client, enable_url(outlet))


def test_the_password_leads_back_to_the_act_and_the_act_is_done(stale: Client, outlet: Outlet) -> None:
    asked = stale.get(enable_url(outlet))["Location"]
    assert "Enter your password once more, boss" in text(stale.get(asked))
    answer = stale.post(asked, {"password": "wrong", "next": enable_url(outlet)})
    assert "This is not your password" in text(answer)
    assert_asked(stale, enable_url(outlet))
    answer = stale.post(asked, {"password": PASSWORD, "next": enable_url(outlet)})
    assert answer["Location"] == enable_url(outlet)
    assert stale.post(enable_url(outlet), {"pos_remote_id": "B"}).status_code == 200
    assert Integration.objects.filter(outlet=outlet).exists()


def test_a_form_that_was_sent_too_late_is_not_kept_and_its_sender_is_told(stale: Client, outlet: Outlet) -> None:
    answer = stale.post(enable_url(outlet), {"pos_remote_id": "B", "adopted_secret": ADOPTED})
    assert "Nothing was done yet" in text(stale.get(answer["Location"]))
    kept = [row.get_decoded() for row in Session.objects.all()]
    assert ADOPTED not in str(kept)
    answer = stale.post(CONFIRM, {"password": PASSWORD, "next": enable_url(outlet)})
    assert answer["Location"] == enable_url(outlet)
    assert not Integration.objects.filter(outlet=outlet).exists()


def test_the_way_back_leads_nowhere_else(stale: Client) -> None:
    answer = stale.post(CONFIRM, {"password": PASSWORD, "next": "https://evil.example/admin/"})
    assert answer["Location"] == reverse("admin:index")


def test_passwords_cannot_be_guessed_there(stale: Client, outlet: Outlet) -> None:
    for _ in range(5):
        stale.post(CONFIRM, {"password": "wrong"})
    assert "Too many failed attempts" in text(stale.post(CONFIRM, {"password": PASSWORD}))
    assert_asked(stale, enable_url(outlet))


def test_the_second_factor_will_do_instead(client: Client, boss: User, outlet: Outlet) -> None:
    secret = give_app(boss)
    client.force_login(boss)
    prove(client, boss, method=records.FACTOR, type="totp", ago=STALE)
    asked = client.get(enable_url(outlet))["Location"]
    by_code = reverse("mfa_reauthenticate")
    assert f"{by_code}?next=" in client.get(asked).content.decode()
    answer = client.post(by_code, {"code": code_of(secret), "next": enable_url(outlet)})
    assert answer["Location"] == enable_url(outlet)
    assert client.get(enable_url(outlet)).status_code == 200
    assert Authenticator.objects.get().last_used_at


def test_who_has_nothing_to_prove_it_by_signs_in_again(client: Client, boss: User, outlet: Outlet) -> None:
    boss.set_unusable_password()
    boss.save()
    client.force_login(boss)
    prove(client, boss, ago=STALE)
    answer = client.get(enable_url(outlet), follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert "Sign in again" in text(answer)


def test_rights_come_first_and_a_viewer_is_not_asked_for_a_password_in_vain(
    client: Client, enabled: Enabled, outlet: Outlet
) -> None:
    ensure_groups()
    vic = make_person("vic", VIEWER)
    client.force_login(vic)
    prove(client, vic, ago=STALE)
    assert client.get(enable_url(outlet)).status_code == 403
    assert client.post(enable_url(outlet)).status_code == 403


def test_who_only_looks_at_an_act_on_many_that_is_done_is_not_asked(
    stale: Client, boss: User, enabled: Enabled
) -> None:
    job = bulk_jobs.check_selection(Kind.DISABLE, [enabled.integration.pk], actor=Actor("boss", boss))
    bulk_jobs.drop(job)
    page = reverse("admin:integrations_bulkjob_change", args=(job.pk,))
    assert BulkJob.objects.filter(pk=job.pk).exists()
    assert stale.get(page).status_code == 200
