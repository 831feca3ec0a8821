"""Staff enable an outlet on one page: they choose or type its organisation, and type its name and POSRemoteID."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from integrations.models import AuditEvent, HandoverLink, Integration, Organisation, Outlet
from integrations.models.audit import Verb
from integrations.staff.base.forms import ENTER_AGAIN
from tests.staff.bulk.limits import limited_to
from tests.support.factories import ADOPTED, BELLA, Enabled, make_organisation, make_outlet
from tests.support.staff.pages import SECRET, act_url, client_of, list_url, page_url, shown_secret, text

ENABLE = reverse("admin:integrations_outlet_enable_new")
SUGGEST = reverse("admin:integrations_organisation_suggest")
VALUES = {"organisation": "Café Nord", "outlet": "High Street", "pos_remote_id": "Nord-1"}


def test_one_form_creates_the_organisation_and_the_outlet_and_enables_it(staff: Client, boss: User) -> None:
    answer = staff.post(ENABLE, VALUES, REMOTE_ADDR="2001:db8::7")
    assert shown_secret(answer)
    assert "no-store" in answer["Cache-Control"]
    outlet = Outlet.objects.get()
    assert (str(outlet), outlet.integration.pos_remote_id) == ("Café Nord – High Street", "Nord-1")
    events = AuditEvent.objects.order_by("pk").values_list("verb", "actor", "address")
    made = (Verb.ORGANISATION_CREATED, Verb.OUTLET_CREATED, Verb.ENABLED)
    assert list(events) == [(verb, boss.pk, "2001:db8::7") for verb in made]


def test_an_existing_organisation_is_offered_and_used(staff: Client, outlet: Outlet) -> None:
    assert f'<option value="{BELLA}">' in staff.get(ENABLE).content.decode()
    staff.post(ENABLE, {**VALUES, "organisation": f"  {BELLA} "})
    assert Organisation.objects.count() == 1
    assert Outlet.objects.get(name="High Street").organisation == outlet.organisation


def test_an_outlet_that_is_not_enabled_yet_is_used(staff: Client, outlet: Outlet) -> None:
    staff.post(ENABLE, {**VALUES, "organisation": BELLA, "outlet": outlet.name})
    assert Integration.objects.get().outlet == outlet


def test_a_chosen_provider_outlet_id_and_an_existing_secret_are_used(staff: Client) -> None:
    page = staff.post(ENABLE, {**VALUES, "provider_outlet_id": "own-7", "adopted_secret": ADOPTED})
    assert ADOPTED in page.content.decode()
    assert Outlet.objects.get().provider_outlet_id == "own-7"


def test_the_values_are_handed_over_by_a_link(staff: Client) -> None:
    page = staff.post(ENABLE, {**VALUES, "hand_over": "link"})
    assert not SECRET.search(page.content.decode())
    assert page.context["new_link"].url in page.content.decode()
    assert HandoverLink.objects.get().integration == Integration.objects.get()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"organisation": ""}, "This field is required"),
        ({"organisation": "a\u200bb"}, "It contains U+200B ZERO WIDTH SPACE"),
        ({"outlet": "a\x07b"}, "It contains U+0007 CONTROL CHARACTER"),
        ({"outlet": "x" * 201}, "at most 200 characters"),
        ({"pos_remote_id": "Bella-Station"}, "Trattoria Bella – Station has this POSRemoteID"),
        ({"provider_outlet_id": "taken"}, "Another outlet has this ProviderOutletID"),
        ({"adopted_secret": "sh0rt!"}, "too short to adopt"),
        ({"hand_over": "link", "passphrase": "short"}, "too easy to guess"),
        ({"organisation": BELLA.upper()}, "only in letter case or accents"),
    ],
)
def test_an_invalid_form_shows_its_errors_and_creates_nothing(
    staff: Client, enabled: Enabled, values: dict[str, str], complaint: str
) -> None:
    make_outlet("Taken", provider_outlet_id="taken")
    before = (Organisation.objects.count(), Outlet.objects.count(), AuditEvent.objects.count())
    answer = staff.post(ENABLE, {**VALUES, **values})
    assert answer.status_code == 200
    assert complaint in text(answer)
    assert (Organisation.objects.count(), Outlet.objects.count(), AuditEvent.objects.count()) == before


@pytest.mark.parametrize("wrong", [{"outlet": ""}, {"pos_remote_id": "Bella-Station"}])
def test_a_form_shown_again_asks_for_the_secret_that_it_does_not_keep(
    staff: Client, enabled: Enabled, wrong: dict[str, str]
) -> None:
    answer = staff.post(ENABLE, {**VALUES, "adopted_secret": ADOPTED, **wrong})
    page = answer.content.decode()
    assert ADOPTED not in page
    assert answer.context["form"].errors["adopted_secret"] == [ENTER_AGAIN]
    assert '<details class="onp-more" open>' in page
    assert ENTER_AGAIN not in text(staff.post(ENABLE, {**VALUES, **wrong}))


def test_a_form_sent_twice_leads_to_the_outlet(staff: Client) -> None:
    secret = shown_secret(staff.post(ENABLE, VALUES))
    again = staff.post(ENABLE, VALUES)
    assert again.status_code == 409
    assert "already enabled" in text(again)
    assert secret not in again.content.decode()
    integration = Integration.objects.get()
    assert page_url(integration) in again.content.decode()
    assert act_url(integration, "rotate") in again.content.decode()


def test_a_person_without_the_right_to_add_organisations_uses_existing_ones(outlet: Outlet) -> None:
    person = client_of("view_outlet", "add_outlet", "add_integration")
    refused = person.post(ENABLE, VALUES)
    assert "Choose one of the organisations that you may see" in text(refused)
    assert shown_secret(person.post(ENABLE, {**VALUES, "organisation": BELLA}))


def test_a_limited_person_learns_nothing_about_other_organisations(outlet: Outlet) -> None:
    make_outlet("Elsewhere", organisation="Another")
    rights = ("view_outlet", "add_outlet", "add_organisation", "add_integration")
    limited = limited_to(outlet.organisation, *rights)
    assert "Another" not in limited.get(ENABLE).content.decode()
    for name in ("Another", "ANOTHER", "Nobody has this name"):
        page = text(limited.post(ENABLE, {**VALUES, "organisation": name}))
        assert "Choose one of the organisations that you may see" in page
        assert "differs from" not in page
    assert shown_secret(limited.post(ENABLE, {**VALUES, "organisation": BELLA}))


def test_an_outlet_whose_name_looks_like_another_is_enabled_with_a_warning(staff: Client, outlet: Outlet) -> None:
    page = staff.post(ENABLE, {**VALUES, "organisation": BELLA, "outlet": outlet.name.upper()})
    assert shown_secret(page)
    assert "only in letter case or accents" in text(page)


def test_the_page_of_an_organisation_leads_to_enabling_an_outlet_of_it(staff: Client) -> None:
    organisation = make_organisation("Café & Söhne")
    page = staff.get(reverse("admin:integrations_organisation_change", args=(organisation.pk,)))
    url = page.content.decode().partition(f'href="{ENABLE}?')[2].partition('"')[0]
    assert 'value="Café &amp; Söhne"' in staff.get(f"{ENABLE}?{url}").content.decode()


def test_the_first_page_suggests_what_the_person_may_do(outlet: Outlet) -> None:
    enabler = client_of("view_outlet", "add_integration").get(reverse("admin:index"))
    assert enabler.context["next_step"].label == "Choose an outlet"
    outlet.delete()
    adder = client_of("view_outlet", "add_outlet").get(reverse("admin:index"))
    assert adder.context["next_step"].url == reverse("admin:integrations_outlet_add")


def test_a_button_on_the_first_page_and_in_the_menu_always_leads_to_enabling(staff: Client, enabled: Enabled) -> None:
    url = reverse("admin:integrations_outlet_enable_new")
    viewer = client_of("view_outlet", "add_integration")
    for page in (reverse("admin:index"), list_url("outlet")):
        assert f'href="{url}"' in staff.get(page).content.decode()
        assert url not in viewer.get(page).content.decode()
    assert viewer.get(url).status_code == 403


def test_of_many_organisations_the_page_has_some_and_a_search_finds_the_others(staff: Client, db: None) -> None:
    Organisation.objects.bulk_create(Organisation(name=f"Customer {number:03}") for number in range(501))
    page = staff.get(ENABLE).content.decode()
    assert f'data-search="{SUGGEST}"' in page
    assert "suggestions." in page
    assert "Customer 500" not in page
    assert staff.get(SUGGEST, {"q": "MER 500"}).json() == {"names": ["Customer 500"]}
    assert len(staff.get(SUGGEST, {"q": "customer"}).json()["names"]) == 20


def test_of_few_organisations_the_page_has_all_and_no_script(staff: Client, enabled: Enabled) -> None:
    page = staff.get(ENABLE).content.decode()
    assert str(enabled.integration.outlet.organisation) in page
    assert "data-search" not in page


def test_suggestions_show_only_the_organisations_that_a_person_may_see(db: None) -> None:
    theirs, other = make_organisation("Customer A"), make_organisation("Customer B")
    client = limited_to(theirs, "view_outlet", "add_outlet", "add_integration")
    assert client.get(SUGGEST, {"q": "customer"}).json() == {"names": [str(theirs)]}
    assert str(other) not in client.get(SUGGEST).content.decode()
    assert Client().get(SUGGEST).status_code == 302
