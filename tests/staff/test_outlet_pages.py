"""The staff pages of organisations, outlets and the records of their POSes."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.models import ApiKey, AuditEvent, Integration, Organisation, Outlet, UnrecognisedFrame
from integrations.models.attempt import Outcome
from integrations.models.audit import Verb
from integrations.staff.base import choices
from tests.staff.bulk.limits import limited_to
from tests.support.factories import BELLA, STATION, Enabled, make_enabled_outlet, make_organisation, make_outlet
from tests.support.staff.pages import (
    act_url,
    be_refused,
    be_seen,
    client_of,
    edit_url,
    enable_url,
    list_url,
    outlet_url,
    page_url,
    text,
)

ADD_OUTLET = reverse("admin:integrations_outlet_add")
RECORDS = ("connection", "authattempt", "unrecognisedframe", "auditevent")


# --- Organisations and outlets ---


def test_the_form_of_an_outlet_needs_no_scripts_and_has_the_cursor_in_its_first_empty_field(
    staff: Client, outlet: Outlet
) -> None:
    page = staff.get(ADD_OUTLET).content.decode()
    assert f'<option value="{outlet.organisation_id}">{BELLA}</option>' in page
    assert re.search(r'<select name="organisation"[^>]* autofocus', page)
    assert "select2" not in page
    assert "change_form.js" not in page
    page = staff.get(ADD_OUTLET, {"organisation": outlet.organisation_id}).content.decode()
    assert re.search(r'<input type="text" name="name"[^>]* autofocus', page)
    assert f'<option value="{outlet.organisation_id}" selected>' in page


def test_of_many_organisations_the_form_of_an_outlet_searches_one(
    staff: Client, outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choices, "MOST_LISTED", 0)
    page = staff.get(ADD_OUTLET).content.decode()
    assert "select2" in page
    assert BELLA not in page


@pytest.mark.parametrize("page", ["integrations_outlet_add", "integrations_apikey_add"])
def test_of_many_organisations_a_form_without_scripts_takes_the_typed_name(
    staff: Client, outlet: Outlet, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setattr(choices, "MOST_LISTED", 0)
    url = reverse(f"admin:{page}")
    typing = staff.get(url).content.decode()
    assert re.search(r'<noscript>.*<input type="text" name="organisation_name"', typing, re.DOTALL)
    assert not re.search(r'<select name="organisation"[^>]* required', typing)
    values = {"name": "Typed", "scopes": "outlets:read", "organisation": "", "provider_outlet_id": "typed"}
    for wrong in (str(outlet.organisation_id), "Trattoria", "a\x00b", "🍕" * 300):
        refused = staff.post(url, {**values, "organisation_name": wrong})
        assert refused.status_code == 200
        assert "Please correct" in text(refused)
    assert "There is no organisation “Trattoria”." in text(
        staff.post(url, {**values, "organisation_name": "Trattoria"})
    )
    staff.post(url, {**values, "organisation_name": f" {BELLA} "})
    model: Any = {"integrations_outlet_add": Outlet, "integrations_apikey_add": ApiKey}[page]
    assert model.objects.get(name="Typed").organisation_id == outlet.organisation_id


def test_creating_an_organisation_records_an_audit_event(staff: Client) -> None:
    staff.post(reverse("admin:integrations_organisation_add"), {"name": "Café Zero"}, REMOTE_ADDR="198.51.100.9")
    event = AuditEvent.objects.get(verb=Verb.ORGANISATION_CREATED)
    assert (event.actor_name, event.address, event.subject) == ("boss", "198.51.100.9", "Café Zero")


def test_renaming_an_organisation_records_an_audit_event_with_both_names(staff: Client, outlet: Outlet) -> None:
    staff.post(reverse("admin:integrations_organisation_change", args=(outlet.organisation_id,)), {"name": "Bella Due"})
    event = AuditEvent.objects.get(verb=Verb.ORGANISATION_CHANGED)
    assert event.detail == {"name": {"before": BELLA, "after": "Bella Due"}}
    assert "Trattoria Bella → Bella Due" in text(staff.get(list_url("auditevent")))


def test_saving_an_unchanged_form_records_no_event(staff: Client, outlet: Outlet) -> None:
    staff.post(reverse("admin:integrations_organisation_change", args=(outlet.organisation_id,)), {"name": BELLA})
    assert not AuditEvent.objects.filter(verb=Verb.ORGANISATION_CHANGED).exists()


def test_a_second_organisation_of_the_same_name_is_a_form_error(staff: Client, outlet: Outlet) -> None:
    answer = staff.post(reverse("admin:integrations_organisation_add"), {"name": f"{BELLA}\u200b"})
    assert "Another organisation has this name. Choose another one." in text(answer)
    answer = staff.post(reverse("admin:integrations_organisation_add"), {"name": "Be\u200blla"})
    assert "It contains U+200B ZERO WIDTH SPACE" in text(answer)
    answer = staff.post(reverse("admin:integrations_organisation_add"), {"name": BELLA})
    assert "Another organisation has this name. Choose another one." in text(answer)
    assert Organisation.objects.count() == 1


def test_a_name_that_looks_like_another_is_saved_with_a_warning(staff: Client, outlet: Outlet) -> None:
    add = reverse("admin:integrations_organisation_add")
    page = text(staff.post(add, {"name": f"{BELLA}\u2019s"}, follow=True))
    assert "differs from" not in page
    page = text(staff.post(add, {"name": f"{BELLA}'s"}, follow=True))
    assert f"“{BELLA}'s” differs from “{BELLA}\u2019s” only in characters that look alike" in page
    page = text(staff.get(add_outlet(staff, outlet.organisation, outlet.name.upper())["Location"]))
    assert f"“{outlet.name.upper()}” differs from “{outlet.name}” only in letter case or accents." in page


def test_a_new_outlet_leads_to_its_page_and_the_next_step(staff: Client, outlet: Outlet) -> None:
    answer = add_outlet(staff, outlet.organisation, "Airport", provider_outlet_id="provider-7")
    created = Outlet.objects.get(name="Airport")
    assert answer["Location"] == outlet_url(created)
    assert enable_url(created) in staff.get(outlet_url(created)).content.decode()
    assert AuditEvent.objects.get(outlet=created).verb == Verb.OUTLET_CREATED


def add_outlet(staff: Client, organisation: Organisation, name: str, **values: str) -> Any:
    values = {"organisation": str(organisation.pk), "name": name, "provider_outlet_id": "an-id"} | values
    return staff.post(reverse("admin:integrations_outlet_add"), values)


@pytest.mark.parametrize(
    ("name", "provider_outlet_id", "complaint"),
    [
        ("Harbour", "free", "The organisation already has an outlet with this name. Choose another name."),
        ("Free", "taken", "Another outlet has this ProviderOutletID. Choose another one."),
        ("", "free", "This field is required."),
        ("Free", "", "This field is required."),
    ],
)
def test_an_invalid_outlet_is_a_form_error(staff: Client, name: str, provider_outlet_id: str, complaint: str) -> None:
    outlet = make_outlet(provider_outlet_id="taken")
    answer = add_outlet(staff, outlet.organisation, name, provider_outlet_id=provider_outlet_id)
    assert answer.status_code == 200
    assert "Please correct the error" in text(answer)
    assert complaint in text(answer)
    assert Outlet.objects.count() == 1


def test_the_second_of_two_people_adding_the_same_outlet_at_once_sees_a_form_error(
    staff: Client, outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Outlet, "validate_unique", lambda *_args, **_kwargs: None)
    monkeypatch.setattr(Outlet, "validate_constraints", lambda *_args, **_kwargs: None)
    answer = add_outlet(staff, outlet.organisation, "Harbour", opening_hours="mon-fri 09:00-23:00")
    assert answer.status_code == 200
    assert "The organisation already has an outlet with this name. Choose another name." in text(answer)
    assert 'value="mon-fri 09:00-23:00"' in answer.content.decode()


def test_the_id_of_an_enabled_outlet_cannot_be_edited(staff: Client, enabled: Enabled) -> None:
    outlet = enabled.integration.outlet
    values = {"organisation": outlet.organisation_id, "name": "Central", "provider_outlet_id": "another"}
    assert staff.post(edit_url(outlet), values)["Location"] == outlet_url(outlet)
    outlet.refresh_from_db()
    assert (outlet.name, outlet.provider_outlet_id) == ("Central", enabled.handover.provider_outlet_id)
    assert 'name="provider_outlet_id"' not in staff.get(edit_url(outlet)).content.decode()


def test_an_outlet_that_was_never_enabled_can_be_deleted_and_its_audit_event_is_kept(
    staff: Client, outlet: Outlet
) -> None:
    staff.post(reverse("admin:integrations_outlet_delete", args=(outlet.pk,)), {"post": "yes"})
    assert not Outlet.objects.exists()
    event = AuditEvent.objects.get(verb=Verb.OUTLET_DELETED)
    assert event.subject == "Trattoria Bella – Harbour"
    assert staff.get(list_url("auditevent")).status_code == 200
    assert staff.get(reverse("admin:integrations_auditevent_change", args=(event.pk,))).status_code == 200


def test_a_row_that_other_rows_refer_to_cannot_be_deleted(staff: Client, enabled: Enabled) -> None:
    outlet = enabled.integration.outlet
    for name, pk in (("outlet", outlet.pk), ("organisation", outlet.organisation_id)):
        assert (
            'class="deletelink"'
            not in staff.get(reverse(f"admin:integrations_{name}_change", args=(pk,))).content.decode()
        )
        url = reverse(f"admin:integrations_{name}_delete", args=(pk,))
        assert staff.post(url, {"post": "yes"}).status_code == 403
    assert Outlet.objects.count() == 1


# --- Records ---


@pytest.mark.parametrize("name", RECORDS)
def test_records_cannot_be_added_changed_or_deleted(staff: Client, enabled: Enabled, name: str) -> None:
    pk = record_key(enabled.integration, name)
    change = reverse(f"admin:integrations_{name}_change", args=(pk,))
    assert staff.get(change).status_code == 200
    assert staff.post(change, {}).status_code in (403, 405)
    assert staff.post(reverse(f"admin:integrations_{name}_add"), {}).status_code == 403
    delete = reverse(f"admin:integrations_{name}_delete", args=(pk,))
    assert staff.post(delete, {"post": "yes"}).status_code == 403


def record_key(integration: Integration, name: str) -> object:
    if name == "connection":
        return be_seen(integration, heartbeat_at=timezone.now()).pk
    if name == "authattempt":
        return be_refused(integration, Outcome.WRONG_SECRET).pk
    if name == "unrecognisedframe":
        return UnrecognisedFrame.objects.create(
            at=timezone.now(), integration=integration, connection_id="0" * 32, kind="binary", size=1
        ).pk
    return AuditEvent.objects.latest("id").pk


def test_text_from_an_unauthenticated_caller_is_escaped(staff: Client, enabled: Enabled) -> None:
    script = "<script>alert(1)</script>"
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id=script, pos_remote_id=script, user_agent=script)
    be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id=script, detail=script)
    UnrecognisedFrame.objects.create(
        at=timezone.now(), integration=enabled.integration, connection_id="0" * 32, kind="not_json", size=9,
        excerpt=script,
    )  # fmt: skip
    for url in (list_url("authattempt"), list_url("unrecognisedframe"), page_url(enabled.integration)):
        page = staff.get(url).content.decode()
        assert script not in page
        assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("name", RECORDS)
def test_the_page_of_an_integration_links_to_all_its_records(staff: Client, enabled: Enabled, name: str) -> None:
    for each in (enabled.integration, make_enabled_outlet("Other").integration):
        for record in RECORDS:
            record_key(each, record)
    (link,) = set(
        re.findall(rf"/admin/integrations/{name}/\?(?:integration|outlet)__id__exact=\d+", page_of(staff, enabled))
    )
    answer = staff.get(link)
    assert answer.status_code == 200
    assert "Station" in text(answer)
    assert "Other" not in text(answer)


def page_of(staff: Client, enabled: Enabled) -> str:
    return str(staff.get(page_url(enabled.integration)).content.decode())


# --- Redirects from the former URLs of integration pages ---


def test_the_old_list_of_integrations_leads_to_the_outlets_with_its_search_and_filters(staff: Client) -> None:
    old = reverse("admin:integrations_integration_changelist")
    found = staff.get(f"{old}?q=Bella&state=online&organisation=3&p=2&o=1.2")
    assert found["Location"] == f"{list_url('outlet')}?q=Bella&state=online&organisation=3"
    assert client_of("view_outlet").get(old).status_code == 403


def test_the_old_page_of_an_integration_leads_to_its_outlet(staff: Client) -> None:
    make_outlet("First")  # the old URL must not lead to this outlet
    enabled = make_enabled_outlet(STATION)
    assert enabled.integration.pk != enabled.integration.outlet_id
    old = reverse("admin:integrations_integration_change", args=(enabled.integration.pk,))
    assert staff.get(old)["Location"] == page_url(enabled.integration)
    assert client_of("view_outlet").get(old).status_code == 403
    limited = limited_to(make_organisation("Another"), "view_integration", "view_outlet")
    assert limited.get(old)["Location"] == reverse("admin:index")


@pytest.mark.parametrize("name", ["outlet", "organisation", "integration"])
def test_djangos_page_of_the_history_leads_to_the_page_of_the_row(staff: Client, enabled: Enabled, name: str) -> None:
    make_outlet("First")
    own = {"outlet": enabled.integration.outlet, "organisation": enabled.integration.outlet.organisation}
    pk = own.get(name, enabled.integration).pk
    answer = staff.get(reverse(f"admin:integrations_{name}_history", args=(pk,)))
    assert answer["Location"] == reverse(f"admin:integrations_{name}_change", args=(pk,))


def test_the_menu_has_no_entry_for_integrations(staff: Client) -> None:
    assert "/admin/integrations/integration/" not in staff.get(reverse("admin:index")).content.decode()


# --- The list and the page of outlets ---


def test_the_list_shows_the_pairing_the_secret_and_when_the_pos_was_last_seen(
    staff: Client, outlet: Outlet, enabled: Enabled
) -> None:
    be_seen(enabled.integration, heartbeat_at=timezone.now(), closed=True)
    page = staff.get(list_url("outlet"))
    shown = enabled.integration.current_credential().shown
    for words in (enabled.handover.pos_remote_id, shown, "1 hour ago"):
        assert words in text(page)
    assert f'href="{page_url(enabled.integration)}"' in page.content.decode()
    without = text(client_of("view_outlet").get(list_url("outlet")))
    assert shown not in without
    assert enabled.handover.pos_remote_id in without


def test_the_page_of_an_outlet_that_is_not_enabled_offers_to_enable_it(staff: Client, outlet: Outlet) -> None:
    page = staff.get(outlet_url(outlet))
    assert "PowerEPOS does not know this outlet yet" in text(page)
    tools = page.content.decode().partition('<ul class="object-tools">')[2]
    assert re.findall('href="([^"]+)"', tools)[0] == enable_url(outlet)
    assert "Delete outlet" in text(page)


def test_the_page_shows_no_secret_or_record_without_the_right_to_see_integrations(enabled: Enabled) -> None:
    be_refused(enabled.integration, Outcome.WRONG_SECRET)
    page = text(client_of("view_outlet").get(page_url(enabled.integration)))
    assert "Enabled, never connected" in page
    assert enabled.handover.pos_remote_id in page
    for hidden in (enabled.integration.current_credential().shown, "198.51.100.7", "Secrets", "Check this outlet"):
        assert hidden not in page


def test_the_page_begins_with_the_state_and_ends_its_actions_with_those_that_disconnect_the_till(
    staff: Client, enabled: Enabled
) -> None:
    be_seen(enabled.integration, heartbeat_at=timezone.now())
    page = page_of(staff, enabled)
    assert page.index("onp-standing") < page.index('class="object-tools"') < page.index('id="values"')
    tools = re.findall(r'<li><a(?: class="([^"]+)")? href="[^"]+">([^<]+)</a>', page.partition("object-tools")[2])
    dangerous = [words for kind, words in tools if kind == "onp-danger"]
    assert dangerous == ["Change POSRemoteID", "Disconnect", "Disable"]
    assert [words for _, words in tools][-3:] == dangerous


@pytest.mark.parametrize("act", ["disable", "change_pos_remote_id", "disconnect"])
def test_the_button_of_an_action_that_disconnects_a_till_is_marked_as_dangerous(
    staff: Client, enabled: Enabled, act: str
) -> None:
    be_seen(enabled.integration, heartbeat_at=timezone.now())
    assert 'class="default onp-danger"' in staff.get(act_url(enabled.integration, act)).content.decode()
    assert "onp-danger" not in staff.get(act_url(enabled.integration, "rotate")).content.decode()


def test_the_activity_of_an_outlet_names_no_organisation_that_a_person_may_not_see(
    staff: Client, enabled: Enabled
) -> None:
    outlet = enabled.integration.outlet
    own = make_organisation("Own")
    staff.post(edit_url(outlet), {"organisation": own.pk, "name": outlet.name})
    assert f"{BELLA} → Own" in text(staff.get(outlet_url(outlet)))
    limited = limited_to(own, "view_outlet", "view_auditevent")
    assert "another organisation → Own" in text(limited.get(outlet_url(outlet)))
