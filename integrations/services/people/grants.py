"""What a person may do and see. One query for each page reads it together with the person.

The sign-in backend (staff/signing_in/backend.py) returns people with their grants. For any other user object,
`grants_of` reads them at the first call.
"""

from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AbstractBaseUser, Permission, User
from django.db.models import Exists, F, Func, JSONField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat

from integrations.models import StaffLimit
from integrations.services.people.second_factors import FACTORS

_READ = "_grants"


@dataclass(frozen=True)
class Grants:
    """A person's permissions as "app.codename", and the ids of the organisations that they see; None means all.

    A superuser has every permission and sees everything, regardless of these values.
    """

    permissions: frozenset[str] = frozenset()
    organisations: frozenset[int] | None = frozenset()
    has_second_factor: bool = False


class _JsonList(Func):
    """The values of a column in all rows of a subquery, as a JSON list."""

    function = "jsonb_agg"
    output_field = JSONField()

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, function="json_group_array", **more)


def find_person(pk: Any) -> User | None:
    """Return the person with this primary key, with their grants."""
    person = _people().filter(pk=pk).first()
    if person:
        setattr(person, _READ, _grants_in(vars(person)))
    return person


def grants_of(person: AbstractBaseUser) -> Grants:
    """Return the person's grants, read once per user object: a change takes effect at the next request."""
    if not hasattr(person, _READ):
        found = find_person(person.pk)
        setattr(person, _READ, getattr(found, _READ) if found else Grants())
    grants: Grants = getattr(person, _READ)
    return grants


def _people() -> QuerySet[User]:
    own = Permission.objects.filter(user=OuterRef("pk"))
    by_group = Permission.objects.filter(group__user=OuterRef("pk"))
    name = Concat("content_type__app_label", Value("."), "codename")
    # One empty row for a limit without organisations, and no row if there is no limit.
    seen = StaffLimit.objects.filter(user=OuterRef("pk"))
    factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=FACTORS)
    return User.objects.annotate(
        granted_own=_listed(own, name),
        granted_by_group=_listed(by_group, name),
        granted_organisations=_listed(seen, F("organisations")),
        granted_factor=Exists(factors),
    )


def _listed(rows: QuerySet[Any], expression: Any) -> Subquery:
    return Subquery(rows.order_by().annotate(found=_JsonList(expression)).values("found"))


def _grants_in(row: dict[str, Any]) -> Grants:
    permissions = frozenset([*(row["granted_own"] or ()), *(row["granted_by_group"] or ())])
    seen = row["granted_organisations"]
    organisations = frozenset(pk for pk in seen if pk is not None) if seen else None
    return Grants(permissions, None if row["is_superuser"] else organisations, row["granted_factor"])
