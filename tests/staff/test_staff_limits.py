"""A person limited to some organisations finds no data of the others on any page."""

import re
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.contrib.admin import ModelAdmin, site
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, reverse
from django.urls.converters import UUIDConverter
from django.utils import timezone

from integrations.models import Integration, MessageType, Organisation, Outlet, StaffLimit, UnrecognisedFrame
from integrations.models.attempt import Outcome
from integrations.models.audit import Verb
from integrations.models.handover_link import LinkState
from integrations.models.notices.alert import Alert, AlertMember, AlertRecipient
from integrations.services.api_keys.api_keys import create_api_key
from integrations.services.audit import Actor, record
from integrations.services.handover.links import create_link_instead
from integrations.services.integration import enabling
from integrations.services.notices import webhooks
from integrations.services.outlets.outlets import create_outlet
from integrations.services.people.people import Access, save_person
from integrations.staff.base.admin import FOR_ALL, PortalAdmin
from integrations.staff.outlets import export as outlets_export
from tests.support.factories import ANNA, BELLA, Enabled, make_enabled_outlet, make_organisation
from tests.support.staff.backend_pages import ask
from tests.support.staff.pages import be_refused, be_seen, text

OTHER = "NORDLICHT"  # a text in every row of the other organisation; no page for a limited person may show it
REFUSED = (302, 403, 404, 405)


@pytest.fixture
def other_organisation(db: None) -> Organisation:
    """Another organisation with a row in every model."""
    organisation = make_organisation(OTHER)
    outlet = create_outlet(organisation, name=f"{OTHER} outlet", actor=ANNA)
    handover = enabling.enable_outlet(outlet, pos_remote_id=f"{OTHER}-1", adopted_secret=None, actor=ANNA)
    enabled = Enabled(outlet.integration, handover)
    connection = be_seen(enabled.integration, heartbeat_at=timezone.now())
    be_refused(enabled.integration, Outcome.WRONG_SECRET, pos_remote_id=f"{OTHER}-2")
    be_refused(None, Outcome.UNKNOWN_OUTLET, provider_outlet_id=f"{OTHER}-3")
    ask(enabled, f"{OTHER}-4")
    UnrecognisedFrame.objects.create(
        at=timezone.now(), integration=enabled.integration, connection_id=connection.pk, kind="not_json", size=9,
        excerpt=OTHER,
    )  # fmt: skip
    create_api_key(f"{OTHER} key", organisation=organisation, actor=ANNA)
    create_api_key(f"{OTHER} key for all", actor=ANNA)
    record(Verb.ORGANISATION_CHANGED, organisation, actor=ANNA)
    _add_notices(organisation, enabled.integration)
    person = User.objects.create_user(f"{OTHER} person", is_staff=True)
    person.groups.add(Group.objects.create(name="visitors"))
    StaffLimit.objects.create(user=person).organisations.add(organisation)
    return organisation


def _add_notices(organisation: Organisation, integration: Integration) -> None:
    """Add an alert, webhook and recipient of the organisation, and a webhook and recipient for all organisations."""
    for owner in (organisation, None):
        endpoint, _ = webhooks.create_endpoint(
            f"{OTHER} hook of {owner}",
            url=f"https://{OTHER.lower()}.example.com/{owner}",
            kinds=["outlet.online"],
            organisation=owner,
            actor=ANNA,
        )
        webhooks.send_test(endpoint, actor=ANNA)
        AlertRecipient.objects.create(email=f"{OTHER}-{owner}@example.com", organisation=owner)
    now = timezone.now()
    alert = Alert.objects.create(kind="offline", organisation=organisation, since=now, notify_at=now, notified_at=now)
    AlertMember.objects.create(alert=alert, key="a", integration=integration, label=OTHER, since=now)


@pytest.fixture
def limited(client: Client, other_organisation: Organisation) -> Client:
    """A browser signed in as a person with every permission, limited to Trattoria Bella."""
    person = User.objects.create_user("mira", is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    StaffLimit.objects.create(user=person).organisations.add(make_organisation(BELLA))
    client.force_login(person)
    return client


def admins() -> Iterator[tuple[type[Model], ModelAdmin[Any]]]:
    yield from site._registry.items()


def name_of(model: type[Model]) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}"


def test_no_list_shows_a_row_of_another_organisation(limited: Client) -> None:
    for model, _ in admins():
        page = limited.get(reverse(f"{name_of(model)}_changelist"))
        assert OTHER not in page.content.decode(), model
        assert page.status_code in (200, *REFUSED), model


def test_no_search_finds_a_row_of_another_organisation(limited: Client) -> None:
    for model, _ in admins():
        page = limited.get(reverse(f"{name_of(model)}_changelist"), {"q": OTHER})
        assert not re.search(f"<t[dh][^>]*>[^/]*{OTHER}", page.content.decode()), model


def test_no_page_of_a_row_of_another_organisation_opens(limited: Client) -> None:
    for model, admin in admins():
        for row in model._default_manager.all():
            if is_visible_to_limited(admin, row):
                continue
            for url in pages_of(admin, row):
                page = limited.get(url)
                assert page.status_code in REFUSED, url
                assert OTHER not in page.content.decode(), url


def test_no_action_on_a_row_of_another_organisation_is_carried_out(limited: Client) -> None:
    for model, admin in admins():
        for row in model._default_manager.all():
            if is_visible_to_limited(admin, row):
                continue
            for url in pages_of(admin, row):
                assert limited.post(url, {"reason": "not my organisation"}).status_code in REFUSED, url


def is_visible_to_limited(admin: ModelAdmin[Any], row: Model) -> bool:
    """Return whether the limited person may see the row: it is of Trattoria Bella, or of no organisation."""
    if isinstance(row, User):
        return not row.username.startswith(OTHER)
    if isinstance(row, Organisation):
        return row.name == BELLA
    return BELLA in str(row) or (isinstance(admin, PortalAdmin) and admin.organisation_path == "")


def pages_of(admin: ModelAdmin[Any], row: Model) -> Iterator[str]:
    """Yield the URL of every admin page about this row."""
    for pattern in admin.get_urls():
        if isinstance(pattern, URLPattern) and pattern.name and pattern.pattern.converters:
            kinds = pattern.pattern.converters.items()
            keys = {name: uuid.uuid4() if isinstance(kind, UUIDConverter) else row.pk for name, kind in kinds}
            yield reverse(f"admin:{pattern.name}", kwargs=keys)
        elif isinstance(pattern, URLPattern) and pattern.name == "auth_user_password_change":
            yield reverse(f"admin:{pattern.name}", args=(row.pk,))


def test_the_first_page_and_the_choices_do_not_name_another_organisation(limited: Client) -> None:
    pages = ["admin:index", "admin:integrations_outlet_add", "admin:auth_user_add", "admin:integrations_apikey_add"]
    for page in pages:
        assert OTHER not in limited.get(reverse(page)).content.decode(), page
    fields = {"app_label": "integrations", "model_name": "outlet", "field_name": "organisation"}
    offered = limited.get(reverse("admin:autocomplete"), fields).json()["results"]
    assert [each["text"] for each in offered] == [BELLA]


def test_an_outlet_cannot_be_added_to_another_organisation(limited: Client, other_organisation: Organisation) -> None:
    values = {"organisation": other_organisation.pk, "name": "Trojan", "provider_outlet_id": "trojan"}
    limited.post(reverse("admin:integrations_outlet_add"), values)
    assert not other_organisation.outlets.filter(name="Trojan").exists()


@pytest.mark.parametrize("choose_other", [True, False])
def test_an_api_key_cannot_be_created_for_another_organisation_or_for_all(
    limited: Client, other_organisation: Organisation, choose_other: bool
) -> None:
    values = {"name": "wide", "organisation": other_organisation.pk if choose_other else "", "scopes": "requests:read"}
    page = limited.post(reverse("admin:integrations_apikey_add"), values)
    assert ("Select a valid choice" if choose_other else "limited to them") in text(page)
    assert not other_organisation.api_keys.filter(name="wide").exists()


def test_a_list_that_does_not_declare_its_organisation_is_empty_for_a_limited_person(limited: Client) -> None:
    undeclared = [admin for _, admin in admins() if isinstance(admin, PortalAdmin) and admin.organisation_path is None]
    assert not undeclared, "set organisation_path to declare which organisation its rows belong to"


@pytest.fixture
def own_outlet(other_organisation: Organisation) -> Enabled:
    """An outlet of Trattoria Bella whose rows refer to an unlimited API key and another organisation's POSRemoteID."""
    enabled = make_enabled_outlet("Harbour")
    unlimited_key = other_organisation.api_keys.model.objects.get(organisation=None)
    ask(enabled, "own-1", api_key=unlimited_key)
    other_integration = Integration.objects.get(outlet__organisation=other_organisation)
    values = {"pos_remote_id": "N", "pos_remote_id_of": other_integration}
    be_refused(enabled.integration, Outcome.WRONG_POS_REMOTE_ID, **values)
    return enabled


def test_a_page_of_a_row_that_the_person_may_see_does_not_name_another_organisation(
    limited: Client, own_outlet: Enabled
) -> None:
    rows: list[Model] = [own_outlet.integration, own_outlet.integration.outlet, *own_outlet.integration.requests.all()]
    rows += [*own_outlet.integration.attempts.all(), make_organisation(BELLA)]
    for row in rows:
        for url in pages_of(site.get_model_admin(type(row)), row):
            page = limited.get(url)
            assert OTHER not in page.content.decode(), url
            assert page.status_code in (200, *REFUSED), url


def test_only_an_unlimited_person_changes_rows_that_belong_to_all_organisations(limited: Client) -> None:
    request = limited.get(reverse("admin:index")).wsgi_request
    for model, admin in admins():
        if isinstance(admin, PortalAdmin) and admin.organisation_path == FOR_ALL and not admin.limited_may_change:
            permissions = (admin.has_add_permission, admin.has_change_permission, admin.has_delete_permission)
            assert not any(each(request) for each in permissions), model


def test_a_limited_person_cannot_change_a_message_type(limited: Client) -> None:
    row = MessageType.objects.get(number=1)
    change = reverse("admin:integrations_messagetype_change", args=(row.pk,))
    for url in (change, reverse("admin:integrations_messagetype_add")):
        assert limited.post(url, {"name": "Mine", "number": "999", "description": "Mine"}).status_code == 403
    assert limited.get(change).status_code == 200
    assert not MessageType.objects.filter(description="Mine").exists()


def test_an_export_stops_when_the_person_is_limited_during_the_download(other_organisation: Organisation) -> None:
    person = User.objects.create_user("reader", is_staff=True)
    person.user_permissions.set(Permission.objects.all())
    pages = outlets_export._Pages(outlets_export._with_prefix(Outlet.objects.order_by("pk")), user_id=person.pk)
    assert pages._page(0)
    StaffLimit.objects.create(user=person).organisations.add(make_organisation(BELLA))
    assert pages._page(0) is None
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert pages._page(0) is None


def test_a_link_to_a_now_hidden_outlet_is_revoked_when_its_creator_is_limited(other_organisation: Organisation) -> None:
    boss, person = User.objects.create_superuser("boss"), User.objects.create_user("mira", is_staff=True)
    outlet = create_outlet(other_organisation, name="Pier", actor=ANNA)
    enable = partial(enabling.enable_outlet, outlet, pos_remote_id="P", adopted_secret=None, actor=ANNA)
    result = create_link_instead(enable, hours=1, actor=Actor("mira", person))
    person.username = "renamed"
    access = Access([], [make_organisation(BELLA)])
    save_person(person, access=access, giver=boss, actor=Actor("boss", boss))
    result.link.refresh_from_db()
    assert (result.link.state, result.link.sealed) == (LinkState.REVOKED, "")


def test_a_limited_person_sees_their_own_organisation(limited: Client) -> None:
    create_outlet(make_organisation(BELLA), name="Harbour", actor=ANNA)
    assert "Harbour" in text(limited.get(reverse("admin:integrations_outlet_changelist")))
    assert BELLA in text(limited.get(reverse("admin:integrations_organisation_changelist")))
