"""No value posted to a choice field causes an error page, or shows data that the person may not see."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from integrations.models import ApiKey, Organisation, Outlet
from integrations.staff.signing_in.typed import STILL_TO_DO
from tests.support.factories import BELLA, make_organisation
from tests.support.signing_in import prove
from tests.support.staff.world import THEIRS, make_limited

NO_KEYS = ("x", "\x00", "1\x00", "9" * 30, "-" + "9" * 30, "1e3", "[]", "\ufffd", "None", "0x1", "٣" * 30)
CHOICES = (
    ("integrations_outlet_add", "organisation"),
    ("integrations_apikey_add", "organisation"),
    ("integrations_webhookendpoint_add", "organisation"),
    ("integrations_alertrecipient_add", "organisation"),
    ("auth_user_add", "organisations"),
    ("auth_user_add", "role"),
    ("auth_user_add", "other_groups"),
)


@pytest.fixture
def boss(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.mark.parametrize(("page", "field"), CHOICES)
def test_a_value_that_is_not_a_key_is_an_invalid_choice(boss: Client, page: str, field: str) -> None:
    for value in NO_KEYS:
        answer = boss.post(reverse(f"admin:{page}"), {field: value})
        assert answer.status_code == 200, value
        errors = answer.context.get("form") or answer.context["adminform"].form
        assert errors.errors, value


def test_an_invalid_choice_is_reported_at_its_field(boss: Client) -> None:
    for page, field in CHOICES:
        answer = boss.post(reverse(f"admin:{page}"), {field: "9" * 30})
        form: Any = answer.context.get("form") or answer.context["adminform"].form
        assert "Select a valid choice" in str(form.errors[field]), page


def test_the_choice_is_also_checked_when_a_row_is_changed(boss: Client) -> None:
    outlet = Outlet.objects.create(organisation=make_organisation(), name="Harbour", provider_outlet_id="h")
    url = reverse("admin:integrations_outlet_edit", args=(outlet.pk,))
    for value in NO_KEYS:
        answer = boss.post(url, {"organisation": value, "name": "H"})
        assert answer.status_code == 200, value


@pytest.mark.parametrize("organisation", ["", "1"])
def test_a_button_that_the_forms_do_not_have_does_nothing(boss: Client, organisation: str) -> None:
    values = {"_saveasnew": "1", "organisation": organisation, "name": ""}
    assert boss.post(reverse("admin:integrations_outlet_add"), values).status_code == 200
    row = make_organisation(BELLA)
    url = reverse("admin:integrations_organisation_change", args=(row.pk,))
    assert boss.post(url, {"_saveasnew": "1", "name": "Renamed"}).status_code == 302
    assert list(Organisation.objects.values_list("name", flat=True)) == ["Renamed"]


@pytest.fixture
def limited(client: Client, db: None) -> Client:
    client.force_login(make_limited(make_organisation(BELLA)))
    return client


# Each form refuses at least one of these values. So the form is always shown again, even with a valid organisation.
FILLED_IN = {"name": "k" * 500, "email": "-", "username": "?", "is_limited": "on"}


@pytest.mark.parametrize(("page", "field"), [each for each in CHOICES if each[1].startswith("organisation")])
def test_a_form_does_not_name_an_organisation_that_the_person_may_not_see(
    limited: Client, page: str, field: str
) -> None:
    url, other_organisation = reverse(f"admin:{page}"), make_organisation(THEIRS)
    answer = limited.post(url, {**FILLED_IN, field: other_organisation.pk})
    assert answer.status_code == 200
    assert THEIRS not in answer.content.decode()
    form: Any = answer.context.get("form") or answer.context["adminform"].form
    assert "Select a valid choice" in str(form.errors[field])
    assert THEIRS not in limited.get(url, {field: other_organisation.pk}).content.decode()


@pytest.mark.parametrize("page", ["integrations_apikey_add", "integrations_webhookendpoint_add", "auth_user_add"])
def test_a_form_sent_too_late_does_not_name_such_an_organisation_when_shown_again(
    client: Client, page: str, db: None
) -> None:
    own, other_organisation = make_organisation(BELLA), make_organisation(THEIRS)
    person = make_limited(own)
    client.force_login(person)
    for chosen, shown in ((other_organisation, False), (own, True)):
        prove(client, person, ago=901)
        url = reverse(f"admin:{page}")
        assert client.post(url, {"name": "k", "organisation": chosen.pk}).status_code == 302
        prove(client, person)
        back = client.get(url).content.decode()
        assert STILL_TO_DO in back
        assert THEIRS not in back
        assert (f'<option value="{own.pk}" selected' in back) == (shown and page != "auth_user_add")


def test_a_limited_person_can_choose_their_own_organisation(limited: Client) -> None:
    own = Organisation.objects.get(name=BELLA)
    answer = limited.post(
        reverse("admin:integrations_apikey_add"),
        {"name": "Web shop", "organisation": own.pk, "scopes": "requests:read"},
    )
    assert answer.status_code == 200
    assert ApiKey.objects.get().organisation == own


def test_an_optional_organisation_says_what_no_choice_means(boss: Client) -> None:
    for page in ("integrations_apikey_add", "integrations_webhookendpoint_add", "integrations_alertrecipient_add"):
        assert (
            '<option value="" selected>All organisations</option>'
            in boss.get(reverse(f"admin:{page}")).content.decode()
        )


def test_a_limited_person_is_not_offered_all_organisations(limited: Client) -> None:
    for page in ("integrations_apikey_add", "integrations_alertrecipient_add"):
        form = limited.get(reverse(f"admin:{page}")).content.decode()
        assert '<option value="" selected>Choose an organisation</option>' in form
