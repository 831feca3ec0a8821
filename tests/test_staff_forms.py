"""What is posted into the choices of a form: no value breaks a page, and none shows what the person may not see."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from integrations.models import Organisation, Outlet
from tests.factories import BELLA, make_organisation

NO_KEYS = ("x", "\x00", "1\x00", "9" * 30, "-" + "9" * 30, "1e3", "[]", "\ufffd", "None", "0x1", "٣" * 30)
CHOICES = (
    ("integrations_outlet_add", "organisation"),
    ("integrations_apikey_add", "organisation"),
    ("integrations_webhookendpoint_add", "organisation"),
    ("integrations_alertrecipient_add", "organisation"),
    ("auth_user_add", "organisations"),
    ("auth_user_add", "groups"),
    ("auth_group_add", "permissions"),
)


@pytest.fixture
def boss(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.mark.parametrize(("page", "field"), CHOICES)
def test_a_value_that_is_no_key_is_a_wrong_choice(boss: Client, page: str, field: str) -> None:
    for value in NO_KEYS:
        answer = boss.post(reverse(f"admin:{page}"), {field: value})
        assert answer.status_code == 200, value
        errors = answer.context.get("form") or answer.context["adminform"].form
        assert errors.errors, value


def test_a_wrong_choice_is_said_at_its_field(boss: Client) -> None:
    for page, field in CHOICES:
        answer = boss.post(reverse(f"admin:{page}"), {field: "9" * 30})
        form: Any = answer.context.get("form") or answer.context["adminform"].form
        assert "Select a valid choice" in str(form.errors[field]), page


def test_the_choice_is_checked_where_a_row_is_changed_too(boss: Client) -> None:
    outlet = Outlet.objects.create(organisation=make_organisation(), name="Harbour", provider_outlet_id="h")
    url = reverse("admin:integrations_outlet_change", args=(outlet.pk,))
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
