"""A member of staff may see all organisations, some, or none."""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from pytest_django import DjangoAssertNumQueries

from integrations.models import Outlet, StaffLimit
from integrations.services.people import scope
from tests.support.factories import HARBOUR, make_outlet

pytestmark = pytest.mark.django_db


def make_person(*, is_superuser: bool = False) -> User:
    return User.objects.create(username="mira", is_staff=True, is_superuser=is_superuser)


def limit_to(person: User, *outlets: Outlet) -> User:
    row = StaffLimit.objects.create(user=person)
    row.organisations.set(outlet.organisation for outlet in outlets)
    return person


def test_a_person_without_a_limit_sees_all() -> None:
    outlet, person = make_outlet(HARBOUR), make_person()
    assert not scope.is_limited(person)
    assert scope.may_see(person, outlet.organisation)
    assert list(scope.limit(Outlet.objects.all(), person, "organisation")) == [outlet]


def test_a_limit_shows_the_organisations_that_it_names() -> None:
    outlet = make_outlet(HARBOUR)
    person = limit_to(make_person(), outlet)
    assert scope.may_see(person, outlet.organisation)
    assert list(scope.limit(Outlet.objects.all(), person, "organisation")) == [outlet]


def test_a_limit_hides_every_other_organisation() -> None:
    outlet = make_outlet(HARBOUR)
    person = limit_to(make_person())
    assert not scope.may_see(person, outlet.organisation_id)
    assert not scope.limit(Outlet.objects.all(), person, "organisation").exists()


def test_a_superuser_cannot_be_limited() -> None:
    assert not scope.is_limited(limit_to(make_person(is_superuser=True)))


def test_the_limit_is_queried_once_per_request(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    person = limit_to(make_person())
    scope.organisations_of(person)
    with django_assert_num_queries(0):
        scope.organisations_of(person)


def test_an_anonymous_visitor_sees_nothing() -> None:
    assert scope.organisations_of(AnonymousUser()) == frozenset()
