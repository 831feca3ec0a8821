"""The menu groups the lists by task, and no page names a Django app."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin import ModelAdmin, site
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from integrations.models import NoticeCursor, Organisation
from tests.support.factories import Enabled
from tests.support.staff.pages import client_of, edit_url, list_url, outlet_url

MENU = {
    "Outlets": ["Outlets", "Organisations", "Hand-over links"],
    "Activity": ["Requests", "Connections", "Authentication attempts", "Unrecognised frames", "Audit events"],
    "Alerts and webhooks": ["Alerts", "Alert recipients", "Webhook endpoints", "Deliveries"],
    "People": ["People"],
    "Set-up": ["API keys", "Message types"],
}
APP_NAMES = re.compile(
    r"Authenti[cs]ation and Authori[sz]ation|\bUsers?\b(?! agent| name)|/admin/(?:auth|integrations)/\""
)


@pytest.mark.parametrize("url", [reverse("admin:index"), list_url("outlet")])
def test_the_menu_has_a_group_for_each_task(staff: Client, url: str) -> None:
    page = staff.get(url).content.decode()
    assert menu_in(page[page.index('id="nav-sidebar"') : page.index("</nav>", page.index('id="nav-sidebar"'))]) == MENU


def test_phones_find_the_menu_on_the_start_page(staff: Client) -> None:
    page = staff.get(reverse("admin:index")).content.decode()
    assert menu_in(page[page.index('id="menu"') :]) == MENU
    assert f'href="{reverse("admin:index")}#menu"' in staff.get(list_url("outlet")).content.decode()


def test_a_model_that_someone_registers_without_a_group_is_last(staff: Client) -> None:
    site.register(NoticeCursor, ModelAdmin)
    try:
        page = staff.get(reverse("admin:index")).content.decode()
    finally:
        site.unregister(NoticeCursor)
    assert menu_in(page[page.index('id="menu"') :]) == {**MENU, "Other": ["Notice cursors"]}


def test_staff_with_few_rights_see_only_the_groups_of_their_lists(db: None) -> None:
    page = client_of("view_outlet", "view_request").get(reverse("admin:index")).content.decode()
    assert menu_in(page[page.index('id="menu"') :]) == {"Outlets": ["Outlets"], "Activity": ["Requests"]}


def test_the_page_of_an_app_leads_to_the_start_page(staff: Client) -> None:
    for label in ("integrations", "auth"):
        assert staff.get(reverse("admin:app_list", args=(label,))).url == reverse("admin:index")  # type: ignore[attr-defined]


def test_every_page_has_the_same_links_beside_the_name_of_the_person(staff: Client) -> None:
    for name in ("index", "password_change", "password_change_done", "integrations_outlet_changelist"):
        page = staff.get(reverse(f"admin:{name}")).content.decode()
        assert "Log out" not in page, name
        assert "How you sign in</a>" in page, name
        assert '<button type="submit">Sign out</button>' in page, name


def test_no_page_names_a_django_app(admin_client: Client, enabled: Enabled) -> None:
    for url in urls_of(enabled):
        page = admin_client.get(url)
        assert page.status_code == 200, url
        assert not APP_NAMES.search(page.content.decode()), (url, APP_NAMES.search(page.content.decode()))


def urls_of(enabled: Enabled) -> Iterator[str]:
    outlet, person = enabled.integration.outlet, User.objects.create_user("ben", is_staff=True)
    yield from (reverse("admin:index"), list_url("outlet"), outlet_url(outlet), edit_url(outlet))
    unused = Organisation.objects.create(name="Unused")
    yield reverse("admin:integrations_organisation_delete", args=(unused.pk,))
    yield from (reverse("admin:auth_user_changelist"), reverse("admin:auth_user_add"))
    yield reverse("admin:auth_user_change", args=(person.pk,))
    yield reverse("admin:auth_user_password_change", args=(person.pk,))


def menu_in(html: str) -> dict[str, Any]:
    """Return the names of the lists in each group."""
    groups = re.findall(r"<caption>(.*?)</caption>(.*?)</table>", html, re.DOTALL)
    return {name: re.findall(r'<th scope="row"[^>]*>(?:<a [^>]*>)?([^<]+)<', rows) for name, rows in groups}
