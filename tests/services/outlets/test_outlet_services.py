"""Names and IDs of organisations and outlets are unique, changes are audited, and rows in use are not deleted."""

import uuid

import pytest

from integrations.models import AuditEvent, Organisation, Outlet
from integrations.models.audit import Verb
from integrations.services.errors import InvalidValue
from integrations.services.outlets.errors import (
    NotEnabled,
    OrganisationExists,
    OutletExists,
    OutletNotFound,
    ProviderOutletIdInUse,
    ProviderOutletIdTaken,
    StillInUse,
)
from integrations.services.outlets.outlets import (
    create_outlet,
    delete_organisation,
    delete_outlet,
    fill_match_ids,
    get_integration,
    get_or_create_organisation,
    save_organisation,
    save_outlet,
)
from tests.support.factories import ANNA, BELLA, Enabled, make_enabled_outlet, make_organisation, make_outlet

pytestmark = pytest.mark.django_db

BAD_TEXTS = [
    "",
    " ",
    "\u200b",
    "Be\u200blla",
    "Be\u202ella",
    "Be\u00adlla",
    "Be\ufefflla",
    "Be\nlla",
    "Be\x00lla",
    "Be\x7flla",
    "Be\u2028lla",
    "Be\ud800lla",
]


def verbs() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True))


def test_an_organisation_is_created_once_and_found_by_its_name() -> None:
    created = get_or_create_organisation(BELLA, actor=ANNA)
    assert get_or_create_organisation(BELLA, actor=ANNA) == created
    assert verbs() == [Verb.ORGANISATION_CREATED]


@pytest.mark.parametrize("name", [*BAD_TEXTS, "x" * 201])
def test_an_organisation_needs_a_plain_name(name: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        get_or_create_organisation(name, actor=ANNA)
    assert refused.value.field == "name"
    assert not Organisation.objects.exists()


def test_an_organisation_cannot_take_the_name_of_another() -> None:
    make_organisation("Osteria")
    bella = make_organisation()
    bella.name = "Osteria"
    with pytest.raises(OrganisationExists):
        save_organisation(bella, actor=ANNA)


def test_renaming_an_organisation_records_both_names() -> None:
    bella = make_organisation()
    bella.name = "Bella e Figli"
    save_organisation(bella, actor=ANNA)
    assert AuditEvent.objects.latest("pk").detail == {"name": {"before": BELLA, "after": "Bella e Figli"}}


def test_saving_without_changes_records_nothing() -> None:
    outlet = make_outlet()
    before = verbs()
    save_outlet(outlet, actor=ANNA)
    save_organisation(outlet.organisation, actor=ANNA)
    assert verbs() == before


def test_an_outlet_gets_a_uuid_unless_the_provider_has_an_id_of_its_own() -> None:
    assert uuid.UUID(make_outlet("Harbour").provider_outlet_id).version == 4
    assert make_outlet("Station", provider_outlet_id="ST-0815").provider_outlet_id == "ST-0815"


def test_a_provider_outlet_id_may_be_any_64_characters() -> None:
    text = "\u00e4\u4e2d \U0001f355;'\"<%>".ljust(63, "x") + "!"
    assert make_outlet(provider_outlet_id=text).provider_outlet_id == text


@pytest.mark.parametrize("given", [*BAD_TEXTS[1:], "x" * 65])
def test_a_malformed_provider_outlet_id_is_refused_by_field_name(given: str) -> None:
    with pytest.raises(InvalidValue, match="ProviderOutletID") as refused:
        make_outlet(provider_outlet_id=given)
    assert refused.value.field == "provider_outlet_id"


def test_an_organisation_has_no_two_outlets_of_one_name() -> None:
    make_outlet("Harbour")
    with pytest.raises(OutletExists):
        make_outlet("Harbour")


def test_two_organisations_may_each_have_an_outlet_of_that_name() -> None:
    make_outlet("Harbour")
    make_outlet("Harbour", organisation="Osteria")
    assert Outlet.objects.filter(name="Harbour").count() == 2


def test_a_provider_outlet_id_is_unique_in_the_whole_portal() -> None:
    make_outlet("Harbour", provider_outlet_id="1")
    with pytest.raises(ProviderOutletIdTaken):
        create_outlet(make_organisation("Osteria"), name="Station", provider_outlet_id="1", actor=ANNA)
    assert Outlet.objects.count() == 1


def test_an_outlet_that_was_never_enabled_may_get_another_id(outlet: Outlet) -> None:
    outlet.provider_outlet_id = "HB-1"
    save_outlet(outlet, actor=ANNA)
    assert Outlet.objects.get(pk=outlet.pk).provider_outlet_id == "HB-1"
    assert AuditEvent.objects.latest("pk").detail["provider_outlet_id"]["after"] == "HB-1"


def test_the_id_that_powerepos_knows_cannot_change(enabled: Enabled) -> None:
    outlet = enabled.integration.outlet
    outlet.provider_outlet_id = "another"
    with pytest.raises(ProviderOutletIdInUse):
        save_outlet(outlet, actor=ANNA)
    assert Outlet.objects.get(pk=outlet.pk).provider_outlet_id == enabled.handover.provider_outlet_id


def test_an_enabled_outlet_may_be_renamed(enabled: Enabled) -> None:
    outlet = enabled.integration.outlet
    outlet.name = "Main Station"
    save_outlet(outlet, actor=ANNA)
    assert AuditEvent.objects.latest("pk").verb == Verb.OUTLET_CHANGED


def test_deleting_an_outlet_that_was_never_enabled_is_audited(outlet: Outlet) -> None:
    pk = outlet.pk
    delete_outlet(outlet, actor=ANNA)
    event = AuditEvent.objects.latest("pk")
    assert (event.verb, event.outlet_id, event.subject) == (Verb.OUTLET_DELETED, pk, "Trattoria Bella \u2013 Harbour")


def test_an_enabled_outlet_cannot_be_deleted(enabled: Enabled) -> None:
    before = verbs()
    with pytest.raises(StillInUse):
        delete_outlet(enabled.integration.outlet, actor=ANNA)
    assert verbs() == before


def test_an_organisation_with_outlets_cannot_be_deleted(outlet: Outlet) -> None:
    with pytest.raises(StillInUse):
        delete_organisation(outlet.organisation, actor=ANNA)
    assert Organisation.objects.count() == 1


def test_deleting_an_organisation_without_outlets_is_audited() -> None:
    delete_organisation(make_organisation(), actor=ANNA)
    assert verbs() == [Verb.ORGANISATION_CREATED, Verb.ORGANISATION_DELETED]


def test_an_integration_is_found_by_the_outlets_id(enabled: Enabled) -> None:
    assert get_integration(enabled.handover.provider_outlet_id) == enabled.integration


def test_looking_up_a_missing_outlet_raises_an_error() -> None:
    with pytest.raises(OutletNotFound):
        get_integration("nobody")


def test_looking_up_a_missing_integration_raises_an_error(outlet: Outlet) -> None:
    with pytest.raises(NotEnabled):
        get_integration(outlet.provider_outlet_id)


# --- Characters that cannot be seen


def test_a_name_is_stored_composed_with_one_space_between_words_and_found_in_any_spelling() -> None:
    created = get_or_create_organisation(" Cafe\u0301\u00a0 Bar\u200b ", actor=ANNA)
    assert created.name == "Caf\u00e9 Bar"
    for typed in ("Caf\u00e9 Bar", "Cafe\u0301 Bar", "Caf\u00e9\u2009Bar", "\ufeffCaf\u00e9\tBar"):
        assert get_or_create_organisation(typed, actor=ANNA) == created
    assert get_or_create_organisation("Cafe Bar", actor=ANNA) != created


def test_outlet_names_that_differ_only_in_hidden_characters_are_refused() -> None:
    make_outlet("Harbour East")
    for name in ("Harbour\u00a0East", "Harbour  East", "Harbour East\u200b"):
        with pytest.raises(OutletExists):
            make_outlet(name)


def test_a_hidden_character_within_a_name_is_named_in_the_refusal() -> None:
    with pytest.raises(InvalidValue, match=r"U\+200B ZERO WIDTH SPACE"):
        make_outlet("Har\u200bbour")


def test_two_outlets_cannot_have_ids_of_equal_value() -> None:
    make_outlet("Harbour", provider_outlet_id="7ab4da81-d75b-4239-9aac-bdc0d2fb8f9a")
    for typed in ("7AB4DA81-D75B-4239-9AAC-BDC0D2FB8F9A", "{7ab4da81-d75b-4239-9aac-bdc0d2fb8f9a}\u200b"):
        with pytest.raises(ProviderOutletIdTaken):
            make_outlet("Station", provider_outlet_id=typed)
    make_outlet("Station", provider_outlet_id="7ab4da81-d75b-4239-9aac-bdc0d2fb8f9b")


def test_the_id_of_an_enabled_outlet_keeps_its_spelling(enabled: Enabled) -> None:
    outlet = Outlet.objects.get()
    outlet.provider_outlet_id, outlet.name = outlet.provider_outlet_id.upper(), "Harbour West"
    save_outlet(outlet, actor=ANNA)
    stored = Outlet.objects.get()
    assert (stored.provider_outlet_id, stored.name) == (enabled.handover.provider_outlet_id, "Harbour West")


def test_an_outlet_with_an_id_from_an_older_version_can_be_changed_and_found(enabled: Enabled) -> None:
    Outlet.objects.update(provider_outlet_id="a\u200bb\u00ad", match_id="a\u200bb")
    outlet = Outlet.objects.get()
    outlet.name = "Harbour West"
    save_outlet(outlet, actor=ANNA)
    assert get_integration("a\u200bb") == get_integration(" a\u200bb\u00ad") == enabled.integration


def test_of_two_ids_that_differ_in_hidden_edges_the_exact_one_is_found() -> None:
    enabled = [make_enabled_outlet("Harbour"), make_enabled_outlet("Station")]
    for each, text in zip(enabled, ("abc", "abc\u200b"), strict=True):
        outlet = each.integration.outlet
        outlet.provider_outlet_id = text
        outlet.save()
    assert [get_integration(text) for text in ("abc", "abc\u200b")] == [each.integration for each in enabled]


def test_rows_inserted_by_an_older_server_version_are_completed() -> None:
    make_outlet("Harbour", provider_outlet_id="7AB4DA81-D75B-4239-9AAC-BDC0D2FB8F9A")
    Outlet.objects.update(match_id="")
    assert fill_match_ids()
    assert Outlet.objects.get().match_id == "7ab4da81-d75b-4239-9aac-bdc0d2fb8f9a"
    assert not fill_match_ids()
