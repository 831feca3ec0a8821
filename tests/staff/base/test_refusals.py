"""A refusal carries its own status, field and hint; pages show any refusal, even one that only this test defines."""

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import NON_FIELD_ERRORS
from django.test import Client
from django.urls import reverse

from integrations.services.errors import Conflict, InvalidValue, PortalError, Remedy
from integrations.services.integration import enabling
from integrations.staff.base.forms import ChangePosRemoteIdForm, CreateApiKeyForm
from tests.support.factories import Enabled

OWNERS = ("integration", "apikey", "webhookendpoint")
OF_CONFLICTS = sorted({each.remedy for each in Conflict.__subclasses__() if each.remedy})


class Misplaced(PortalError):
    message = "This POSRemoteID belongs to a till at sea."
    field = "pos_remote_id"
    hint = "Ask the captain."


class Submerged(Conflict):
    message = "The outlet is under water."
    hint = "Wait for the tide."
    remedy = Remedy.ROTATE


class Sunk(Conflict):
    message = "The outlet has sunk already."


class TooLateInTheDay(PortalError):
    field = "expires_at"


def refuse_to_change(monkeypatch: pytest.MonkeyPatch, refusal: PortalError) -> None:
    def change(*_args: object, **_kwargs: object) -> None:
        raise refusal

    monkeypatch.setattr(enabling, "change_pos_remote_id", change)


@pytest.fixture
def boss(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def test_a_refusal_is_shown_at_its_field_with_its_hint(
    boss: Client, enabled: Enabled, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_to_change(monkeypatch, Misplaced())
    url = reverse("admin:integrations_integration_change_pos_remote_id", args=(enabled.integration.pk,))
    answer = boss.post(url, {"pos_remote_id": "Corrected"})
    assert answer.status_code == 200
    assert answer.context["form"].errors == {"pos_remote_id": [f"{Misplaced.message} {Misplaced.hint}"]}


@pytest.mark.parametrize(("refusal", "is_marked"), [(Misplaced(), True), (PortalError("The sea is rough."), False)])
def test_a_form_asks_to_correct_marked_fields_only_if_a_field_is_marked(
    boss: Client, enabled: Enabled, monkeypatch: pytest.MonkeyPatch, refusal: PortalError, is_marked: bool
) -> None:
    refuse_to_change(monkeypatch, refusal)
    url = reverse("admin:integrations_integration_change_pos_remote_id", args=(enabled.integration.pk,))
    page = boss.post(url, {"pos_remote_id": "Corrected"}).content.decode()
    assert str(refusal) in page
    assert "Nothing was changed." in page
    assert ("Please correct the marked fields." in page) is is_marked


def test_a_conflict_replaces_the_form_and_shows_its_hint_and_remedy(
    boss: Client, enabled: Enabled, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_to_change(monkeypatch, Submerged())
    url = reverse("admin:integrations_integration_change_pos_remote_id", args=(enabled.integration.pk,))
    answer = boss.post(url, {"pos_remote_id": "Corrected"})
    page = answer.content.decode()
    assert answer.status_code == Submerged.status == 409
    assert Submerged.message in page
    assert Submerged.hint in page
    assert reverse("admin:integrations_integration_rotate", args=(enabled.integration.pk,)) in page


def test_a_conflict_without_a_hint_says_that_nothing_was_changed(
    boss: Client, enabled: Enabled, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_to_change(monkeypatch, Sunk())
    url = reverse("admin:integrations_integration_change_pos_remote_id", args=(enabled.integration.pk,))
    assert "Nothing was changed this time." in boss.post(url, {"pos_remote_id": "Corrected"}).content.decode()


def test_a_refusal_is_shown_at_a_field_with_another_name_in_the_form(db: None) -> None:
    values = {"name": "Web shop", "scopes": ["requests:read"]}
    form = CreateApiKeyForm(values, person=User.objects.create_superuser("boss"))
    form.refuse(TooLateInTheDay())
    assert list(form.errors) == ["last_day"]


def test_an_invalid_value_names_its_field_only_where_it_is_not_shown_at_it() -> None:
    form = ChangePosRemoteIdForm({"pos_remote_id": "a"})
    form.refuse(InvalidValue("pos_remote_id", "It is too wet.", label="POSRemoteID"))
    form.refuse(InvalidValue("name", "It is too dry.", label="Name"))
    assert form.errors == {"pos_remote_id": ["It is too wet."], NON_FIELD_ERRORS: ["Name: It is too dry."]}


@pytest.mark.parametrize("remedy", Remedy)
def test_each_remedy_has_a_page_for_an_integration(remedy: Remedy) -> None:
    assert reverse(f"admin:integrations_integration_{remedy}", args=(1,))


@pytest.mark.parametrize("remedy", OF_CONFLICTS)
@pytest.mark.parametrize("owner", OWNERS)
def test_each_remedy_of_a_conflict_has_a_page_for_each_owner_of_a_secret(owner: str, remedy: Remedy) -> None:
    assert reverse(f"admin:integrations_{owner}_{remedy}", args=(1,))
