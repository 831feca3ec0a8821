"""Hostile query strings and form values on every registered staff list, including lists added later."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin import ModelAdmin, site
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from integrations.models import AuditEvent, Integration
from integrations.staff.base.filters import LONGEST_NAME
from integrations.staff.base.lookups import LONGEST_SEARCH, MOST_VALUES
from integrations.staff.records.person_filter import PersonFilter
from tests.staff.base.conftest import two_outlets
from tests.support.factories import Enabled
from tests.support.staff.hostile import HOSTILE_LISTS, HOSTILE_VALUES

__all__ = ("two_outlets",)
pytestmark = pytest.mark.django_db
LOOKUPS = ("exact", "contains", "startswith", "iregex", "isnull", "in", "gt")


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def admins() -> Iterator[tuple[type[Model], ModelAdmin[Any]]]:
    """Yield each model that has a list, with its admin; omit integrations, whose former list only redirects."""
    yield from ((model, admin) for model, admin in site._registry.items() if model is not Integration)


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def paths_of(model: type[Model]) -> Iterator[str]:
    """Yield the name of each field of the model, and the path of each field of its related models."""
    for field in model._meta.get_fields():
        yield field.name
        if field.is_relation and field.related_model and not isinstance(field.related_model, str):
            yield from (f"{field.name}__{each.name}" for each in field.related_model._meta.get_fields())


def offered(model: type[Model], admin: ModelAdmin[Any]) -> set[str]:
    """Return the parameters that the list's filters and the portal's links use."""
    found = set(getattr(admin, "links", ()))
    for each in admin.list_filter:
        path: Any = each[0] if isinstance(each, tuple) else each
        if not isinstance(path, str):
            found.add(path.parameter_name)
            continue
        field = get_fields_from_path(model, path)[-1]
        related = f"{path}__id__exact" if field.is_relation else f"{path}__exact"
        found |= {related, f"{path}__isnull"}
    return found


def test_a_list_accepts_only_the_lookups_of_its_filters_and_links(boss: Client, rf: RequestFactory) -> None:
    request: Any = rf.get("/")
    request.user = User.objects.get(username="boss")
    for model, admin in admins():
        known = offered(model, admin)
        for path in paths_of(model):
            for name in (path, *(f"{path}__{lookup}" for lookup in LOOKUPS)):
                assert name in known or not admin.lookup_allowed(name, "1", request), (model, name)


@pytest.mark.slow
def test_no_list_fails_for_any_query_string(boss: Client, two_outlets: Enabled) -> None:
    for model, _ in admins():
        for query in HOSTILE_LISTS:
            page = boss.get(f"{list_of(model)}?{query}")
            assert page.status_code == 400, (model, query)
            assert "This address is not valid" in page.content.decode()


@pytest.mark.slow
def test_no_filter_accepts_a_value_that_its_column_cannot_hold(boss: Client) -> None:
    for model, admin in admins():
        for name in offered(model, admin):
            for value in HOSTILE_VALUES:
                page = boss.get(f"{list_of(model)}?{urlencode({name: value})}")
                is_a_name = name == PersonFilter.parameter_name and "\0" not in value and len(value) <= LONGEST_NAME
                assert page.status_code == (200 if is_a_name else 400), (model, name, value)


@pytest.mark.slow
def test_every_choice_that_a_filter_offers_is_accepted(boss: Client, two_outlets: Enabled) -> None:
    for model, _ in admins():
        page: Any = boss.get(list_of(model))
        changelist = page.context_data["cl"]
        for spec in changelist.filter_specs:
            for choice in spec.choices(changelist):
                chosen = boss.get(list_of(model) + choice["query_string"])
                assert chosen.status_code == 200, (model, choice)


def test_the_portals_links_to_its_lists_are_accepted(boss: Client, two_outlets: Enabled) -> None:
    now = timezone.now()
    for model, admin in admins():
        for name in getattr(admin, "links", ()):
            value = "1" if name.endswith("__exact") else (now - timedelta(hours=1)).isoformat()
            assert boss.get(list_of(model), {name: value}).status_code == 200, (model, name)


def test_the_number_of_values_of_one_filter_is_limited(boss: Client) -> None:
    url = reverse("admin:integrations_request_changelist")
    assert boss.get(url, {"state__exact": ["failed"] * MOST_VALUES}).status_code == 200
    assert boss.get(url, {"state__exact": ["failed"] * (MOST_VALUES + 1)}).status_code == 400


def test_a_search_may_have_as_many_words_as_fit_its_length_limit(boss: Client, two_outlets: Enabled) -> None:
    for model, _ in admins():
        words = {"q": ("x " * LONGEST_SEARCH)[: LONGEST_SEARCH - 1]}
        assert boss.get(list_of(model), words).status_code == 200, model


def test_a_search_field_takes_as_many_characters_as_a_search_may_have(boss: Client) -> None:
    for url in {*(list_of(model) for model, admin in admins() if admin.search_fields), reverse("admin:search")}:
        fields = re.findall(r'<input[^>]* name="q"[^>]*>', boss.get(url).content.decode())
        assert fields, url
        assert [each for each in fields if f'maxlength="{LONGEST_SEARCH}"' not in each] == [], url
    persons = re.findall(r'<input[^>]* name="person"[^>]*>', boss.get(list_of(AuditEvent)).content.decode())
    assert [f'maxlength="{PersonFilter.longest}"' in each for each in persons] == [True]


@pytest.mark.parametrize("key", ["x", "\x00", "-1", str(2**63), "9" * 5000, "1,2", "ffffffff-ffff"])
def test_an_action_ignores_values_that_are_not_keys(boss: Client, enabled: Enabled, key: str) -> None:
    url = reverse("admin:integrations_outlet_changelist")
    page = boss.post(url, {"action": "disable_many", "index": "0", "_selected_action": [key]})
    assert page.status_code in (200, 302, 400), key
    assert Integration.objects.get().is_enabled


@pytest.mark.parametrize("key", ["x", "%00", "-1", str(2**63), "9" * 400, "_5F", "a%2Fb", "%EF%BF%BE"])
def test_the_page_of_a_row_with_an_impossible_key_is_not_found(boss: Client, key: str) -> None:
    for model, _ in admins():
        for page in ("change", "delete", "history"):
            answer = boss.get(f"{list_of(model)}{key}/{page}/")
            assert answer.status_code in (302, 400, 403, 404), (model, key, page)


@pytest.mark.parametrize("value", ["x", "\x00", "-", str(2**63), "1,2"])
def test_only_the_portals_links_prefill_a_form(boss: Client, value: str) -> None:
    request = boss.get("/admin/").wsgi_request
    for model, admin in admins():
        if not admin.has_add_permission(request):
            continue
        every = {field.name: value for field in model._meta.fields}
        many = {field.name: value for field in model._meta.many_to_many}
        page = boss.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add"), every | many)
        assert page.status_code in (200, 400), (model, value)
    assert boss.get(reverse("admin:integrations_outlet_add"), {"organisation": value}).status_code == 400


@pytest.mark.parametrize(
    "parameters",
    [
        {"term": "\x00"}, {"term": "x" * 201}, {"page": "x"}, {"page": "-1"}, {"page": "9" * 5000},
        {"field_name": "\x00"}, {"model_name": "user"}, {"app_label": "x"}, {"field_name": "provider_outlet_id"},
    ],
)  # fmt: skip
def test_the_autocomplete_of_a_field_rejects_hostile_input(boss: Client, parameters: dict[str, str]) -> None:
    query = {"app_label": "integrations", "model_name": "outlet", "field_name": "organisation", **parameters}
    assert boss.get(reverse("admin:autocomplete"), query).status_code in (400, 403, 404)


@pytest.mark.parametrize(
    "query", ["_changelist_filters=%00", "_changelist_filters=payload__regex%3Dx", "_popup=%00", "_to_field=password"]
)
def test_no_form_fails_for_any_query_string(boss: Client, two_outlets: Enabled, query: str) -> None:
    for model, _ in admins():
        row = model._default_manager.first()
        if row is None:
            continue
        page = boss.get(
            reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=(row.pk,)) + f"?{query}"
        )
        assert page.status_code in (200, 302, 400, 403), (model, query)


def test_the_export_accepts_the_parameters_of_the_list(boss: Client) -> None:
    url = reverse("admin:integrations_outlet_export")
    assert boss.get(url, {"state": "online", "q": "x"}).status_code == 200
    assert boss.get(url, {"name__regex": "(a+)+"}).status_code == 400


@pytest.mark.parametrize("cursor", ["0001-01-01T00:00:00+23:59~1", "9999-12-31T23:59:59-23:59~1", "\x00", "~", "1~~1"])
def test_an_invalid_list_position_shows_the_first_page(boss: Client, two_outlets: Enabled, cursor: str) -> None:
    for name in ("authattempt", "request", "connection", "auditevent"):
        for direction in ("after", "before"):
            page = boss.get(reverse(f"admin:integrations_{name}_changelist"), {direction: cursor})
            assert page.status_code == 200, (name, cursor)
