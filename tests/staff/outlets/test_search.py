"""The search at the top of each page finds an outlet by any name or ID, or by the beginning of a secret."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from integrations.models import Credential, Organisation
from integrations.models.attempt import Outcome
from integrations.services.integration.pos_secrets import rotate_secret
from tests.staff.people.test_staff_people import browser_of, make_person
from tests.support.factories import ANNA, BELLA, Enabled, make_organisation, make_outlet
from tests.support.staff.backend_pages import ask
from tests.support.staff.pages import be_refused, client_of, text
from tests.support.staff.world import THEIRS, make_limited

SEARCH = reverse("admin:search")
LIST = reverse("admin:integrations_outlet_changelist")
both_searches = pytest.mark.parametrize("search", [SEARCH, LIST], ids=["every page", "list"])


def results(client: Client, words: str, search: str = SEARCH) -> str:
    return text(client.get(search, {"q": words}))


def test_every_page_has_a_search_field(staff: Client, enabled: Enabled) -> None:
    for url in (reverse("admin:index"), reverse("admin:integrations_apikey_changelist"), reverse("mfa_index")):
        assert 'id="site-search"' in staff.get(url).content.decode(), url


def test_a_signed_in_persons_error_pages_and_the_confirmation_have_a_search_field(staff: Client) -> None:
    viewer = client_of("view_outlet")
    for client, url, status in (
        (staff, "/no-such-page", 404),
        (viewer, reverse("admin:auth_user_add"), 403),
        (staff, f"{LIST}?nothing=1", 400),
        (staff, reverse("account_reauthenticate"), 200),
    ):
        answer = client.get(url)
        assert (answer.status_code, answer.content.decode().count('id="site-search"')) == (status, 1), url


def test_an_error_page_has_no_search_for_others(client: Client, db: None) -> None:
    for browser in (client, client_of("view_apikey")):
        assert 'id="site-search"' not in browser.get("/no-such-page").content.decode()


def test_the_sign_in_page_and_a_person_without_a_role_have_no_search(client: Client, db: None) -> None:
    assert 'id="site-search"' not in client.get(reverse("account_login")).content.decode()
    browser = browser_of(make_person("newcomer"))
    assert 'id="site-search"' not in browser.get(reverse("admin:index")).content.decode()
    assert browser.get(SEARCH, {"q": "a"}).status_code == 403


@both_searches
def test_it_finds_an_outlet_by_each_name_and_id(staff: Client, enabled: Enabled, search: str) -> None:
    integration = enabled.integration
    outlet = integration.outlet
    page = reverse("admin:integrations_outlet_change", args=(outlet.pk,))
    shown = integration.credentials.get().shown
    for words in (
        outlet.name,
        outlet.organisation.name.lower(),
        outlet.provider_outlet_id[:8],
        integration.pos_remote_id,
        shown,
        shown.lower(),
        shown[:7],
        shown.partition("-")[2],
        f" {outlet.name} ",
        str(outlet),
        str(outlet).replace("–", "-"),
    ):
        assert page in staff.get(search, {"q": words}).content.decode(), words


@both_searches
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("B\u00e4ckerei M\u00fcller", "B\u00c4CKEREI m\u00dcLLER"),
        ("B\u00c4CKEREI", "b\u00e4ckerei"),
        ("\u041f\u0435\u043a\u0430\u0440\u043d\u044f", "\u041f\u0415\u041a\u0410\u0420\u041d\u042f"),
        ("\u0393\u03b9\u03ac\u03bd\u03bd\u03b7\u03c2", "\u0393\u0399\u0386\u039d\u039d\u0397\u03a3"),
        ("Stra\u00dfe", "stra\u00dfe"),
        ("Caf\u00e9 100%", "CAFE\u0301 100%"),
        ("Caf\u00e9", "\u200bcaf\u00e9\u200b"),
        ("\u00c4 [*?]", "\u00e4 [*?]"),
    ],
)
def test_the_case_of_all_letters_is_ignored(
    staff: Client, enabled: Enabled, search: str, name: str, words: str
) -> None:
    Organisation.objects.update(name=name)
    page = reverse("admin:integrations_outlet_change", args=(enabled.integration.outlet_id,))
    assert page in staff.get(search, {"q": words}).content.decode()
    assert page not in staff.get(search, {"q": f"x{words}"}).content.decode()


@pytest.mark.parametrize("words", ["mu\u0308LLER", "\u200bm\u00dcller\u200b", "B\u00c4CKEREI\u00a0m\u00fcller"])
def test_each_search_for_a_name_finds_it_as_it_was_pasted(staff: Client, words: str) -> None:
    make_organisation("B\u00e4ckerei M\u00fcller")
    User.objects.create_user("b\u00e4cker", first_name="B\u00e4ckerei", last_name="M\u00fcller", is_staff=True)
    for model, found in (("integrations_organisation", "B\u00e4ckerei M\u00fcller"), ("auth_user", "b\u00e4cker")):
        rows = staff.get(reverse(f"admin:{model}_changelist"), {"q": words}).context["cl"].result_list
        assert [str(row) for row in rows] == [found], model
    suggested = staff.get(reverse("admin:integrations_organisation_suggest"), {"q": words}).json()["names"]
    assert suggested == ["B\u00e4ckerei M\u00fcller"]


@both_searches
def test_it_finds_an_outlet_by_a_secret_that_was_replaced(staff: Client, enabled: Enabled, search: str) -> None:
    older = enabled.integration.credentials.get().shown
    rotate_secret(enabled.integration, overlap="0", actor=ANNA)
    assert enabled.integration.outlet.name in results(staff, older, search)


@both_searches
@pytest.mark.parametrize("words", ["ONPS", "onps-", "ONPS-7"])
def test_too_few_characters_of_a_secret_find_no_outlet(
    staff: Client, enabled: Enabled, search: str, words: str
) -> None:
    Credential.objects.update(shown="ONPS-7K3VD")
    assert enabled.integration.outlet.name not in results(staff, words, search)
    assert enabled.integration.outlet.name in results(staff, "ONPS-7K", search)


@both_searches
def test_it_finds_an_outlet_by_the_wrong_values_that_its_till_sent(
    staff: Client, enabled: Enabled, search: str
) -> None:
    be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id="Bella-Harbuor")
    be_refused(
        None,
        Outcome.UNKNOWN_OUTLET,
        provider_outlet_id="mistyped-id",
        pos_remote_id=enabled.integration.pos_remote_id,
        pos_remote_id_of=enabled.integration,
    )
    for words in ("Bella-Harbuor", "mistyped-"):
        assert enabled.integration.outlet.name in results(staff, words, search), words
    assert enabled.integration.outlet.name not in results(staff, "typed-id", search)


@both_searches
def test_a_whole_secret_is_shortened_in_the_address(staff: Client, enabled: Enabled, search: str) -> None:
    secret = enabled.handover.auth_secret
    answer = staff.get(search, {"q": secret})
    assert answer["Location"] == f"{search}?q={secret[:10]}"
    assert enabled.integration.outlet.name in results(staff, secret[:10], search)


def test_the_outlet_list_searches_within_its_filters(staff: Client, enabled: Enabled) -> None:
    be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, pos_remote_id="Bella-Harbuor")
    for state, is_found in (("never-seen", True), ("disabled", False)):
        page = text(staff.get(LIST, {"q": "Bella-Harbuor", "state": state}))
        assert (enabled.integration.pos_remote_id in page) is is_found


def test_a_search_without_a_match_says_what_to_do(staff: Client, enabled: Enabled) -> None:
    assert "No outlet matches “nowhere”" in results(staff, "nowhere")
    assert "No outlet matches" not in results(staff, "")


def test_the_results_lead_to_the_requests_and_attempts_with_the_same_text(staff: Client, enabled: Enabled) -> None:
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id="nobody & co")
    ask(enabled, "r-1", correlation_id="call-17")
    requests, attempts = (reverse(f"admin:integrations_{name}_changelist") for name in ("request", "authattempt"))
    page = staff.get(SEARCH, {"q": "nobody & co"}).content.decode()
    assert f'href="{attempts}?q=nobody+%26+co"' in page
    assert "nobody &amp; co" in staff.get(attempts, {"q": "nobody & co"}).content.decode()
    assert f'href="{requests}?q=call-17"' in staff.get(SEARCH, {"q": "call-17"}).content.decode()
    for words in ("call-17", "call-", "r-1"):
        assert "1 shown" in text(staff.get(requests, {"q": words})), words
    assert requests not in client_of("view_outlet").get(SEARCH, {"q": "r-1"}).content.decode()


def test_a_long_result_is_cut_and_says_so(staff: Client, db: None) -> None:
    for number in range(51):
        make_outlet(f"Harbour {number}")
    page = results(staff, "harbour")
    assert "The first 50 outlets. Add a word" in page


def test_a_limited_person_finds_only_their_own_outlets(client: Client, db: None) -> None:
    own = make_organisation(BELLA)
    make_outlet("Station")
    make_outlet("Station", organisation=THEIRS)
    client.force_login(make_limited(own))
    page = results(client, "station")
    assert BELLA in page
    assert THEIRS not in page


@pytest.mark.parametrize("words", ["\x00", "x" * 5000])
def test_a_text_that_cannot_be_searched_is_refused(staff: Client, words: str) -> None:
    assert staff.get(SEARCH, {"q": words}).status_code == 400
