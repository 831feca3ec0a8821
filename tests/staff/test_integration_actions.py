"""Staff enable, rotate, disable and correct integrations; a secret is shown once and stored nowhere."""

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import AuditEvent, Credential, Integration, Outlet
from integrations.models.audit import Verb
from integrations.security import secret_digests
from integrations.security.secret_digests import SecretKind
from integrations.services.integration import enabling
from tests.support.factories import ADOPTED, ANNA, Enabled, make_enabled_outlet, make_organisation
from tests.support.staff.pages import act_url, client_of, enable_url, page_url, rotate, shown_secret, text
from tests.support.staff.world import make_limited

# --- Enabling ---


def test_enabling_shows_the_five_values(staff: Client, outlet: Outlet) -> None:
    answer = staff.post(enable_url(outlet), {"pos_remote_id": "Bella-1"})
    page = answer.content.decode()
    secret = shown_secret(answer)
    assert secret_digests.recognise(SecretKind.POS_SECRET, secret) == secret
    for value in (
        outlet.provider_outlet_id,
        "Bella-1",
        "http://127.0.0.1:8000/api/powerepos/v1/auth",
        "ws://127.0.0.1:8000",
    ):
        assert value in page
    assert page.count("data-copy=") == 5


def test_the_page_with_the_secret_must_not_be_cached(staff: Client, outlet: Outlet) -> None:
    answer = staff.post(enable_url(outlet), {"pos_remote_id": "Bella-1"})
    secret = shown_secret(answer)
    assert "no-store" in answer["Cache-Control"]
    assert list(get_messages(answer.wsgi_request)) == []
    assert secret not in str(dict(staff.session))
    assert secret not in str(answer.headers) + str(answer.cookies)
    assert all(secret not in str(event.detail) for event in AuditEvent.objects.all())


def test_a_form_sent_twice_says_that_the_action_is_already_done(staff: Client, outlet: Outlet) -> None:
    first = staff.post(enable_url(outlet), {"pos_remote_id": "Bella-1"})
    again = staff.post(enable_url(outlet), {"pos_remote_id": "Bella-1"})
    integration = Integration.objects.get()
    assert again.status_code == 409
    assert "already enabled" in text(again)
    assert shown_secret(first) not in again.content.decode()
    assert page_url(integration) in again.content.decode()
    assert act_url(integration, "rotate") in again.content.decode()
    assert "already enabled" in text(staff.get(enable_url(outlet)))


def test_enabling_records_an_audit_event_with_person_and_address(staff: Client, boss: User, outlet: Outlet) -> None:
    staff.post(enable_url(outlet), {"pos_remote_id": "Bella-1"}, REMOTE_ADDR="2001:db8::7")
    event = AuditEvent.objects.get(verb=Verb.ENABLED)
    assert (event.actor, event.actor_name, event.address) == (boss, "boss", "2001:db8::7")


def test_an_adopted_secret_is_shown_with_its_weakness(staff: Client, outlet: Outlet) -> None:
    answer = staff.post(enable_url(outlet), {"pos_remote_id": "Bella-1", "adopted_secret": ADOPTED})
    assert ADOPTED in answer.content.decode()
    assert "PowerEPOS already has this secret." in text(answer)
    assert "The secret is shown only once" not in text(answer)
    assert "This secret is weak: 85 bits at most" in text(answer)
    page = staff.get(page_url(Integration.objects.get()))
    assert "The secret is weak" in text(page)
    assert ADOPTED not in page.content.decode()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"pos_remote_id": ""}, "This field is required"),
        ({"pos_remote_id": "x" * 129}, "at most 128 characters"),
        ({"pos_remote_id": "a\x07b"}, "It contains U+0007 CONTROL CHARACTER"),
        ({"pos_remote_id": "Bella-Station"}, "Trattoria Bella – Station has this POSRemoteID"),
        ({"pos_remote_id": "B", "adopted_secret": "sh0rt!"}, "too short to adopt"),
        ({"pos_remote_id": "B", "adopted_secret": "PassWord123"}, "a common password, so it could be guessed at once"),
        ({"pos_remote_id": "a\u200bb"}, "It contains U+200B ZERO WIDTH SPACE, which is invisible"),
        ({"pos_remote_id": "B", "adopted_secret": "a\u00a0blank within"}, "U+00A0 NO-BREAK SPACE"),
        ({"pos_remote_id": "B", "adopted_secret": "x" * 300}, "at most 256 characters"),
        ({"pos_remote_id": "B", "adopted_secret": "ONPS-ABCDE-ABCDE-ABCDE-ABCDE-ABCDE-ABCDE-ABCDE"}, "mistyped"),
    ],
)
def test_an_invalid_form_shows_its_errors_and_changes_nothing(
    staff: Client, outlet: Outlet, enabled: Enabled, values: dict[str, str], complaint: str
) -> None:
    answer = staff.post(enable_url(outlet), values)
    assert answer.status_code == 200
    assert complaint in text(answer)
    assert Integration.objects.count() == 1
    if "adopted_secret" in values:
        assert values["adopted_secret"] not in answer.content.decode()


def test_the_outlet_that_has_the_pos_remote_id_is_named_with_a_link(
    staff: Client, outlet: Outlet, enabled: Enabled
) -> None:
    owner, other = enabled.integration, make_enabled_outlet("Airport").integration
    for url in (enable_url(outlet), act_url(other, "change_pos_remote_id")):
        page = staff.post(url, {"pos_remote_id": owner.pos_remote_id})
        assert f"{owner.outlet} has this POSRemoteID. Check the value in PowerEPOS." in text(page), url
        assert f'<a href="{page_url(owner)}">{owner.outlet}</a>' in page.content.decode(), url


def test_an_outlet_that_a_person_may_not_see_is_not_named(enabled: Enabled) -> None:
    owner, theirs = enabled.integration, make_organisation("Nordlicht")
    limited, unlimited = make_limited(theirs), client_of("add_outlet", "add_integration")
    browser = Client()
    browser.force_login(limited)
    values = {"organisation": theirs.name, "outlet": "New", "pos_remote_id": owner.pos_remote_id}
    for each in (browser, unlimited):
        page = each.post(reverse("admin:integrations_outlet_enable_new"), values)
        assert "Another outlet's integration has this POSRemoteID." in text(page)
        assert str(owner.outlet) not in page.content.decode()


def test_a_secret_that_another_outlet_has_is_refused(staff: Client, outlet: Outlet) -> None:
    make_enabled_outlet("Other", adopted_secret=ADOPTED)
    answer = staff.post(enable_url(outlet), {"pos_remote_id": "B", "adopted_secret": ADOPTED})
    assert "Each integration needs a secret of its own" in text(answer)
    assert ADOPTED not in answer.content.decode()


def test_spaces_around_a_pasted_pos_remote_id_are_removed(staff: Client, outlet: Outlet) -> None:
    staff.post(enable_url(outlet), {"pos_remote_id": "  Bella-1 \n"})
    assert Integration.objects.get().pos_remote_id == "Bella-1"


# --- Rotating ---


def test_rotating_shows_the_new_secret_once(staff: Client, enabled: Enabled) -> None:
    answer = rotate(staff, enabled.integration)
    secret = shown_secret(answer)
    assert secret != enabled.handover.auth_secret
    assert "no-store" in answer["Cache-Control"]
    assert secret not in staff.get(page_url(enabled.integration)).content.decode()


def test_a_rotation_sent_twice_rotates_once(staff: Client, enabled: Enabled) -> None:
    seen = enabled.integration.current_credential().pk
    values = {"overlap": "0", "seen": seen}
    url = act_url(enabled.integration, "rotate")
    secret = shown_secret(staff.post(url, values))
    again = staff.post(url, values)
    assert again.status_code == 409
    assert "rotated after this page was opened" in text(again)
    assert secret not in again.content.decode()
    assert Credential.objects.count() == 2


def test_rotating_requires_a_choice_of_overlap(staff: Client, enabled: Enabled) -> None:
    url = act_url(enabled.integration, "rotate")
    assert staff.get(url).context["form"]["overlap"].value() is None
    assert "This field is required" in text(staff.post(url, {"seen": 1}))
    assert "Select a valid choice" in text(staff.post(url, {"seen": 1, "overlap": "99y"}))
    assert Credential.objects.count() == 1


def test_during_an_overlap_a_rotation_is_refused_and_the_overlap_can_be_ended(staff: Client, enabled: Enabled) -> None:
    assert "stays valid until" in text(rotate(staff, enabled.integration, overlap="24h"))
    refused = rotate(staff, enabled.integration)
    end = act_url(enabled.integration, "end_overlap")
    assert refused.status_code == 409
    assert "is still valid. End its overlap, then rotate" in text(refused)
    assert end in refused.content.decode()
    enabled.integration.credentials.filter(is_current=True).update(last_used_at=timezone.now())
    assert end in staff.get(act_url(enabled.integration, "rotate")).content.decode()
    assert end in staff.get(page_url(enabled.integration)).content.decode()
    assert staff.post(end)["Location"] == page_url(enabled.integration)
    assert shown_secret(rotate(staff, enabled.integration))


def test_the_secrets_of_an_integration_can_be_distinguished(staff: Client, enabled: Enabled) -> None:
    rotate(staff, enabled.integration)
    rotate(staff, enabled.integration, overlap="7d")
    page = text(staff.get(page_url(enabled.integration)))
    assert "Current" in page
    assert "Overlap, until" in page
    assert "Retired just now : rotated without overlap" in page


def test_during_an_overlap_a_lost_new_secret_is_replaced_and_the_old_one_stays_valid(
    staff: Client, enabled: Enabled
) -> None:
    lost = shown_secret(rotate(staff, enabled.integration, overlap="24h"))
    url = act_url(enabled.integration, "replace_secret")
    page = staff.get(page_url(enabled.integration))
    assert "No POS has used the new secret" in text(page)
    assert url in page.content.decode()
    assert act_url(enabled.integration, "rotate") not in page.content.decode()
    assert "The POS stays connected" in text(staff.get(url))
    seen = enabled.integration.current_credential().pk
    answer = staff.post(url, {"seen": seen})
    assert shown_secret(answer) != lost
    assert "stays valid until" in text(answer)
    assert staff.post(url, {"seen": seen}).status_code == 409
    assert Credential.objects.count() == 3


def test_the_page_that_rotates_replaces_a_new_secret_that_was_never_used(staff: Client, enabled: Enabled) -> None:
    rotate(staff, enabled.integration, overlap="24h")
    answer = staff.get(act_url(enabled.integration, "rotate"))
    assert answer["Location"] == act_url(enabled.integration, "replace_secret")


def test_the_page_that_ends_an_overlap_warns_if_the_new_secret_was_never_used(staff: Client, enabled: Enabled) -> None:
    rotate(staff, enabled.integration, overlap="24h")
    end, replace = (act_url(enabled.integration, act) for act in ("end_overlap", "replace_secret"))
    page = staff.get(end)
    assert "The POS will go offline" in text(page)
    assert replace in page.content.decode()
    enabled.integration.credentials.filter(is_current=True).update(last_used_at=timezone.now())
    page = staff.get(end)
    assert "The POS will go offline" not in text(page)
    assert replace not in page.content.decode()
    assert "already uses the new secret" in text(staff.get(replace))


# --- Disabling, enabling again, correcting ---


def test_disabling_needs_a_reason(staff: Client, enabled: Enabled) -> None:
    for reason in ("", "   "):
        answer = staff.post(act_url(enabled.integration, "disable"), {"reason": reason})
        assert "This field is required" in text(answer)
    assert enabled.fresh().is_enabled


def test_an_outlet_is_disabled_and_enabled_again(staff: Client, enabled: Enabled) -> None:
    page = page_url(enabled.integration)
    answer = staff.post(act_url(enabled.integration, "disable"), {"reason": "Till stolen"}, follow=True)
    assert answer.redirect_chain == [(page, 302)]
    assert "Integration disabled." in text(answer)
    assert "Disabled by boss, just now (“Till stolen”)" in text(answer)
    answer = staff.post(act_url(enabled.integration, "reenable"), {"reason": "Found"}, follow=True)
    assert "Integration re-enabled." in text(answer)
    assert enabled.fresh().is_enabled
    assert AuditEvent.objects.get(verb=Verb.REENABLED).detail == {"reason": "Found"}


@pytest.mark.parametrize("action", ["disable", "reenable", "end_overlap"])
def test_an_action_that_is_already_done_says_so_and_changes_nothing(
    staff: Client, enabled: Enabled, action: str
) -> None:
    if action == "disable":
        enabling.disable(enabled.integration, reason="First", actor=ANNA)
    before = AuditEvent.objects.count()
    answer = staff.post(act_url(enabled.integration, action), {"reason": "Second"})
    assert answer.status_code == 409
    assert "Nothing was changed" in text(answer)
    assert "Nothing was changed" in text(staff.get(act_url(enabled.integration, action)))
    assert AuditEvent.objects.count() == before


def test_a_pos_remote_id_is_corrected(staff: Client, enabled: Enabled) -> None:
    make_enabled_outlet("Other", pos_remote_id="Taken")
    url = act_url(enabled.integration, "change_pos_remote_id")
    assert "Trattoria Bella – Other has this POSRemoteID" in text(staff.post(url, {"pos_remote_id": "Taken"}))
    assert "already has this POSRemoteID" in text(staff.post(url, {"pos_remote_id": enabled.handover.pos_remote_id}))
    assert staff.post(url, {"pos_remote_id": "Corrected"}).status_code == 302
    assert enabled.fresh().pos_remote_id == "Corrected"
