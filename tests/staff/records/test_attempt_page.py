"""The page of one authentication attempt: the cause, what to tell the person on site, and the button that helps."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import AuditEvent, AuthAttempt, Credential, Integration, Outlet
from integrations.models.attempt import Outcome, PosEndpoint
from integrations.models.audit import Verb
from integrations.services.integration import pos_secrets
from integrations.services.integration.enabling import disable, enable_outlet
from tests.staff.bulk.limits import limited_to
from tests.support.factories import ANNA, Enabled, make_enabled_outlet, make_organisation
from tests.support.notice_factories import go_online
from tests.support.staff.pages import act_url, be_refused, client_of, list_url, page_url, text

TELL = "Tell the person on site:"


def url_of(attempt: AuthAttempt) -> str:
    return reverse("admin:integrations_authattempt_change", args=(attempt.pk,))


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.WRONG_SECRET, "Enter the AuthSecret again"),
        (Outcome.MISTYPED_SECRET, "it has a wrong letter or digit"),
        (Outcome.RETIRED_SECRET, "The till has a secret that was replaced"),
        (Outcome.UNKNOWN_KEY, "you will get a new secret"),
        (Outcome.WRONG_POS_REMOTE_ID, "Correct the POSRemoteID in PowerEPOS: it is Bella-Station."),
        (Outcome.DISABLED, "Let PowerEPOS connect again."),
        (Outcome.WRONG_PATH, "Correct the AuthURL"),
        (Outcome.MALFORMED, "does not have the documented format"),
        (Outcome.BUSY, "Nothing has to be done"),
    ],
)
def test_a_refused_attempt_has_the_words_for_the_person_on_site(
    staff: Client, enabled: Enabled, outcome: Outcome, words: str
) -> None:
    page = text(staff.get(url_of(be_refused(enabled.integration, outcome, pos_remote_id="Bella-2"))))
    assert TELL in page
    assert words in page
    assert "Check Trattoria Bella – Station now" in page


def test_the_endpoint_of_an_attempt_is_on_its_page_and_on_the_outlets(staff: Client, enabled: Enabled) -> None:
    attempt = be_refused(enabled.integration, Outcome.WRONG_SECRET)
    AuthAttempt.objects.update(endpoint=PosEndpoint.WEBSOCKET)
    assert "<dd>Websocket</dd>" in staff.get(url_of(attempt)).content.decode()
    assert "<td>Websocket</td>" in staff.get(page_url(enabled.integration)).content.decode()


def test_a_blocked_attempt_shows_its_cause_and_ends_the_wait(staff: Client, enabled: Enabled) -> None:
    blocked = be_refused(enabled.integration, Outcome.THROTTLED, cause=Outcome.MISTYPED_SECRET)
    page = staff.get(url_of(blocked))
    assert "it has a wrong letter or digit" in text(page)
    end = act_url(enabled.integration, "end_wait")
    assert f'href="{end}"' in page.content.decode()
    assert staff.post(end).status_code == 302
    assert AuditEvent.objects.filter(verb=Verb.WAIT_ENDED).count() == 1
    assert f'href="{end}"' not in staff.get(url_of(blocked)).content.decode()


def test_a_blocked_attempt_without_a_cause_shows_the_cause_of_the_attempt_before(
    staff: Client, enabled: Enabled
) -> None:
    be_refused(enabled.integration, Outcome.RETIRED_SECRET)
    blocked = be_refused(enabled.integration, Outcome.THROTTLED)
    assert "The till has a secret that was replaced" in text(staff.get(url_of(blocked)))


def test_a_blocked_attempt_shows_the_cause_that_the_check_shows(staff: Client, enabled: Enabled) -> None:
    be_refused(enabled.integration, Outcome.MISTYPED_SECRET)
    be_refused(enabled.integration, Outcome.DATABASE_AWAY)
    blocked = be_refused(enabled.integration, Outcome.THROTTLED)
    assert "it has a wrong letter or digit" in text(staff.get(url_of(blocked)))


def test_the_pos_remote_id_that_was_sent_is_filled_in(staff: Client, enabled: Enabled) -> None:
    attempt = be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id="Bella-2")
    change = f"{act_url(enabled.integration, 'change_pos_remote_id')}?attempt={attempt.pk}"
    assert f'href="{change}"' in staff.get(url_of(attempt)).content.decode()
    assert 'value="Bella-2"' in staff.get(change).content.decode()
    assert staff.post(change, {"pos_remote_id": "Bella-2"}).status_code == 302
    assert Integration.objects.get().pos_remote_id == "Bella-2"
    assert "Change the POSRemoteID to the one" not in text(staff.get(url_of(attempt)))


@pytest.mark.parametrize("attempt", ["", "x", "-1", "9" * 40, "\u0663"])
def test_a_link_with_another_attempt_fills_in_the_current_value(staff: Client, enabled: Enabled, attempt: str) -> None:
    page = staff.get(act_url(enabled.integration, "change_pos_remote_id"), {"attempt": attempt})
    assert 'value="Bella-Station"' in page.content.decode()


def test_a_disabled_outlet_is_enabled_again_from_the_attempt(staff: Client, enabled: Enabled) -> None:
    attempt = be_refused(enabled.integration, Outcome.DISABLED)
    page = text(staff.get(url_of(attempt)))
    assert "Enable again" not in page
    assert "It was enabled again after this attempt." in page
    disable(enabled.integration, reason="A pause", actor=ANNA)
    answer = staff.get(url_of(attempt))
    assert act_url(enabled.integration, "reenable") in answer.content.decode()
    assert "the portal refuses this till until it is enabled again" in text(answer)


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN_OUTLET, Outcome.MISTYPED_SECRET])
def test_an_unknown_provider_outlet_id_leads_to_the_outlet_that_was_meant(
    staff: Client, enabled: Enabled, outcome: Outcome
) -> None:
    values = {"provider_outlet_id": "mistyped", "pos_remote_id": "Bella-Station"}
    attempt = be_refused(None, outcome, pos_remote_id_of=enabled.integration, **values)
    page = text(staff.get(url_of(attempt)))
    assert "“mistyped”, but the POSRemoteID is that of outlet Trattoria Bella – Station." in page
    assert f"Correct the ProviderOutletID: it is {enabled.integration.outlet.provider_outlet_id}." in page
    assert "Check Trattoria Bella – Station now" in page


def test_an_unknown_outlet_has_words_for_the_person_on_site_too(staff: Client) -> None:
    attempt = be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="mistyped")
    assert f"{TELL} Compare the ProviderOutletID" in text(staff.get(url_of(attempt)))


def test_an_attempt_at_an_outlet_that_is_not_enabled_leads_to_the_page_that_enables_it(staff: Client) -> None:
    outlet = Outlet.objects.create(name="Airport", organisation=make_organisation(), provider_outlet_id="airport-1")
    attempt = be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id=" airport-1", pos_remote_id="A-1")
    page = staff.get(url_of(attempt))
    assert f"Outlet {outlet} has this ProviderOutletID, but Order N Pay is not enabled for it. {TELL}" in text(page)
    enable = reverse("admin:integrations_outlet_enable", args=(outlet.pk,))
    assert f'class="button" href="{enable}"' in page.content.decode()
    enable_outlet(outlet, pos_remote_id="A-2", adopted_secret=None, actor=ANNA)
    page = staff.get(url_of(attempt))
    assert f"Outlet {outlet} was enabled after this attempt." in text(page)
    assert f"Open {outlet}" in text(page)


def test_a_refused_websocket_has_its_own_words(staff: Client, enabled: Enabled) -> None:
    attempt = be_refused(enabled.integration, Outcome.SECOND_TILL)
    AuthAttempt.objects.update(endpoint=PosEndpoint.WEBSOCKET)
    assert "Another till has the same three values" in text(staff.get(url_of(attempt)))


def test_an_accepted_attempt_offers_nothing(staff: Client, enabled: Enabled) -> None:
    assert TELL not in text(staff.get(url_of(be_refused(enabled.integration, Outcome.ACCEPTED))))


def test_an_old_block_cannot_be_ended(staff: Client, enabled: Enabled) -> None:
    blocked = be_refused(enabled.integration, Outcome.THROTTLED, cause=Outcome.WRONG_SECRET)
    Integration.objects.update(changed_at=timezone.now() - timedelta(days=1))
    AuthAttempt.objects.update(at=timezone.now() - timedelta(hours=1))
    assert "End the wait" not in text(staff.get(url_of(blocked)))


def test_a_person_who_may_only_look_gets_the_words_without_the_buttons(enabled: Enabled) -> None:
    client = client_of("view_authattempt")
    page = text(client.get(url_of(be_refused(enabled.integration, Outcome.WRONG_SECRET))))
    assert TELL in page
    assert "Rotate secret" not in page
    assert "Check Trattoria Bella – Station now" not in page


def test_the_list_links_each_result_to_its_page(staff: Client, enabled: Enabled) -> None:
    attempt = be_refused(enabled.integration, Outcome.WRONG_SECRET)
    assert staff.get(list_url("authattempt")).content.decode().count(f'href="{url_of(attempt)}"') == 2


def test_the_outlet_page_and_the_check_agree(staff: Client, enabled: Enabled) -> None:
    values = {"provider_outlet_id": "mistyped", "pos_remote_id": "Bella-Station"}
    be_refused(enabled.integration, Outcome.ACCEPTED)
    be_refused(None, Outcome.UNKNOWN_OUTLET, pos_remote_id_of=enabled.integration, **values)
    for url in (page_url(enabled.integration), act_url(enabled.integration, "check")):
        page = text(staff.get(url))
        assert "1 of 7 steps are done. The till sends another ProviderOutletID." in page
        assert f"{TELL} Correct the ProviderOutletID" in page


@pytest.mark.parametrize("outcome", [Outcome.WRONG_SECRET, Outcome.MISTYPED_SECRET, Outcome.RETIRED_SECRET])
def test_an_attempt_with_the_ids_of_two_outlets_is_explained_at_both(
    staff: Client, enabled: Enabled, outcome: Outcome
) -> None:
    own, other = enabled.integration, make_enabled_outlet("Harbour").integration
    own_id = own.outlet.provider_outlet_id
    sent = {"provider_outlet_id": other.outlet.provider_outlet_id, "pos_remote_id": own.pos_remote_id}
    attempt = be_refused(other, outcome, pos_remote_id_of=own, **sent)
    for url in (page_url(own), act_url(own, "check")):
        page = text(staff.get(url))
        assert "1 of 7 steps are done. The till sends another ProviderOutletID." in page
        assert f"{TELL} Correct the ProviderOutletID: it is {own_id}." in page
    for url in (page_url(other), act_url(other, "check"), url_of(attempt)):
        page = text(staff.get(url))
        assert "The POSRemoteID that was sent is that of outlet Trattoria Bella – Station." in page
        assert f"If not, correct the ProviderOutletID: that of Trattoria Bella – Station is {own_id}." in page
    for url in (page_url(other), act_url(other, "check")):
        assert "2 of 7 steps are done. The IDs that the till sends belong to different outlets." in text(staff.get(url))
    assert act_url(other, "rotate") not in staff.get(url_of(attempt)).content.decode()
    listed = staff.get(list_url("authattempt"), {"q": own.pos_remote_id})
    assert [each.pk for each in listed.context["cl"].result_list] == [attempt.pk]


def test_all_pages_name_what_an_attempt_without_a_provider_outlet_id_sent(staff: Client, enabled: Enabled) -> None:
    sent = {"pos_remote_id": "Bella-Station", "detail": "ProviderOutletID is empty."}
    attempt = be_refused(None, Outcome.MALFORMED, pos_remote_id_of=enabled.integration, **sent)
    tell = f"{TELL} Enter the ProviderOutletID: it is {enabled.integration.outlet.provider_outlet_id}."
    for url in (page_url(enabled.integration), act_url(enabled.integration, "check"), url_of(attempt)):
        assert tell in text(staff.get(url))
    assert "The till sends no ProviderOutletID." in text(staff.get(page_url(enabled.integration)))
    assert "Trattoria Bella – Station No ProviderOutletID, just now" in text(staff.get(reverse("admin:index")))
    listed = text(staff.get(list_url("authattempt"), {"q": "Bella-Sta"}))
    assert "ProviderOutletID is empty." in listed
    assert "– just now Bella-Station 198.51.100.7" in listed


def test_the_start_page_names_the_pos_remote_id_of_an_unknown_outlet_without_a_provider_outlet_id(
    staff: Client, enabled: Enabled
) -> None:
    be_refused(None, Outcome.MALFORMED, pos_remote_id="Bella-9")
    assert "No ProviderOutletID, POSRemoteID “Bella-9” Malformed request" in text(staff.get(reverse("admin:index")))
    for outcome in (Outcome.MALFORMED, Outcome.TOKEN_MISSING):
        be_refused(None, outcome)
    start = staff.get(reverse("admin:index"))
    assert "Unknown outlet No access token, just now, 2 times in the last hour" in text(start)
    assert "No ProviderOutletID, POSRemoteID “Bella-9” Malformed request, just now" in text(start)
    keys = re.findall('data-key="(refused-[^"]+)"', start.content.decode())
    assert sorted(keys) == ["refused-No ProviderOutletID, POSRemoteID “Bella-9”", "refused-Unknown outlet"]


def test_the_outlet_page_lists_the_attempts_under_another_id_among_its_own(staff: Client, enabled: Enabled) -> None:
    values = {"provider_outlet_id": "mistyped", "pos_remote_id": "Bella-Station"}
    older = be_refused(None, Outcome.MISTYPED_SECRET, pos_remote_id_of=enabled.integration, **values)
    own = be_refused(enabled.integration, Outcome.WRONG_SECRET, provider_outlet_id="own")
    newest = be_refused(None, Outcome.UNKNOWN_OUTLET, pos_remote_id_of=enabled.integration, **values)
    answer = staff.get(page_url(enabled.integration))
    page, html = text(answer), answer.content.decode()
    assert "The POS has never been connected. 1 of 7 steps are done. The till sends another ProviderOutletID." in page
    places = [html.rindex(url_of(each)) for each in (newest, own, older)]
    assert places == sorted(places)
    assert page.count("ProviderOutletID as sent: mistyped") == 2
    listed = staff.get(f"{list_url('authattempt')}?q=Bella-Station")
    assert listed.request["QUERY_STRING"] in html
    assert {each.pk for each in listed.context["cl"].result_list} == {older.pk, own.pk, newest.pk}
    assert "as sent: own" not in page


def test_an_attempt_that_proved_a_secret_says_nothing_about_the_owner_of_the_pos_remote_id(
    staff: Client, enabled: Enabled
) -> None:
    own, other = enabled.integration, make_enabled_outlet("Harbour").integration
    be_refused(other, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id=own.pos_remote_id, pos_remote_id_of=own)
    assert "Waiting for the till's first attempt." in text(staff.get(act_url(own, "check")))
    assert "The POSRemoteID does not match." in text(staff.get(act_url(other, "check")))


def test_a_limited_person_sees_no_attempt_under_an_id_of_another_organisation(enabled: Enabled) -> None:
    own = enabled.integration
    foreign = make_enabled_outlet("Foreign").integration
    Outlet.objects.filter(pk=foreign.outlet_id).update(organisation=make_organisation("Another"))
    sent = {"pos_remote_id": "Bella-Station", "pos_remote_id_of": own}
    hidden = [
        be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="mistyped", **sent),
        be_refused(foreign, Outcome.WRONG_POS_REMOTE_ID, provider_outlet_id="foreign", **sent),
    ]
    seen = be_refused(own, Outcome.WRONG_SECRET)
    client = limited_to(own.outlet.organisation, "view_outlet", "view_integration", "view_authattempt")
    html = client.get(page_url(own)).content.decode()
    assert url_of(seen) in html
    assert [each for each in hidden if url_of(each) in html] == []


def test_a_limited_person_does_not_learn_which_pos_remote_ids_others_have(enabled: Enabled, time_machine: Any) -> None:
    time_machine.move_to(timezone.now(), tick=False)
    own = enabled.integration
    foreign = make_enabled_outlet("Foreign").integration
    Outlet.objects.filter(pk=foreign.outlet_id).update(organisation=make_organisation("Another"))
    client = limited_to(own.outlet.organisation, "view_outlet", "view_integration", "view_authattempt")
    pages = []
    for owner in (foreign, None):
        attempt = be_refused(own, Outcome.WRONG_SECRET, pos_remote_id="Guessed", pos_remote_id_of=owner)
        pages.append([text(client.get(url)) for url in (url_of(attempt), page_url(own), act_url(own, "check"))])
        attempt.delete()
    assert pages[0] == pages[1]


def test_a_person_without_the_right_to_see_attempts_reads_nothing_untrue_about_them(enabled: Enabled) -> None:
    be_refused(enabled.integration, Outcome.WRONG_SECRET)
    page = text(client_of("view_outlet").get(page_url(enabled.integration)))
    assert "The POS has never been connected." in page
    assert "has not tried to connect" not in page


def test_during_an_overlap_each_button_for_a_lost_secret_works(staff: Client, enabled: Enabled) -> None:
    own = enabled.integration
    pos_secrets.rotate_secret(own, overlap="24h", actor=ANNA)
    attempt = be_refused(own, Outcome.MISTYPED_SECRET)
    urls = (page_url(own), act_url(own, "check"), url_of(attempt))
    for action, note, button in (
        ("replace_secret", "replace the new one", "button"),
        ("end_overlap", "end its overlap first", "button onp-danger"),
    ):
        for url in urls:
            page = staff.get(url)
            assert f'{button}" href="{act_url(own, action)}"' in page.content.decode()
            assert act_url(own, "rotate") not in page.content.decode()
            assert f"The old secret is still valid: {note}" in text(page)
        assert "errornote" not in staff.get(act_url(own, action)).content.decode()
        Credential.objects.filter(is_current=True).update(last_used_at=timezone.now())


@pytest.mark.parametrize("is_of_another", [False, True])
def test_both_warn_of_a_refused_attempt_beside_a_connected_pos(
    staff: Client, enabled: Enabled, *, is_of_another: bool
) -> None:
    own = enabled.integration
    go_online(own, timezone.now())
    if is_of_another:
        values = {"provider_outlet_id": "mistyped", "pos_remote_id": "Bella-Station"}
        be_refused(None, Outcome.UNKNOWN_OUTLET, pos_remote_id_of=own, **values)
    else:
        be_refused(own, Outcome.WRONG_SECRET)
    words = "Unknown ProviderOutletID (“mistyped”)" if is_of_another else "Wrong secret"
    for url in (page_url(own), act_url(own, "check")):
        page = text(staff.get(url))
        assert "Another attempt was refused" in page
        assert f"{words}. Does a second till use these values?" in page
