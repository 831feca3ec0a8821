"""What a person may do and see. Each page reads the person and the grants together, with one query.

The sign-in backend (staff/signing_in/backend.py) returns people with their grants. For any other user object,
`grants_of` reads them at the first call.
"""

import json
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import connection

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


# Plain SQL, because every page runs this query, and compiling it with the ORM took a fifth of a page's time.
# granted_organisations is [null] if the person's limit lists no organisation. It is empty if the person has no limit.
_PERSON = """
SELECT auth_user.*,
    (SELECT {list}(content_type.app_label || '.' || permission.codename) FROM auth_user_user_permissions AS granted
        JOIN auth_permission AS permission ON permission.id = granted.permission_id
        JOIN django_content_type AS content_type ON content_type.id = permission.content_type_id
        WHERE granted.user_id = auth_user.id) AS granted_own,
    (SELECT {list}(content_type.app_label || '.' || permission.codename) FROM auth_user_groups AS member
        JOIN auth_group_permissions AS granted ON granted.group_id = member.group_id
        JOIN auth_permission AS permission ON permission.id = granted.permission_id
        JOIN django_content_type AS content_type ON content_type.id = permission.content_type_id
        WHERE member.user_id = auth_user.id) AS granted_by_group,
    (SELECT {list}(seen.organisation_id) FROM integrations_stafflimit AS staff_limit
        LEFT JOIN integrations_stafflimit_organisations AS seen ON seen.stafflimit_id = staff_limit.user_id
        WHERE staff_limit.user_id = auth_user.id) AS granted_organisations,
    EXISTS (SELECT 1 FROM mfa_authenticator AS factor
        WHERE factor.user_id = auth_user.id AND factor.type IN ({factors})) AS granted_factor
FROM auth_user WHERE auth_user.id = %s
"""
_LIST = {"sqlite": "json_group_array", "postgresql": "jsonb_agg"}


def find_person(pk: Any) -> User | None:
    """Return the person with this primary key, with their grants."""
    sql = _PERSON.format(list=_LIST[connection.vendor], factors=", ".join(["%s"] * len(FACTORS)))
    person = next(iter(User.objects.raw(sql, [*FACTORS, pk])), None)
    if person:
        setattr(person, _READ, _grants_in(vars(person)))
    return person


def grants_of(person: AbstractBaseUser) -> Grants:
    """Return the person's grants. They are read once per user object, so a change takes effect at the next request."""
    if not hasattr(person, _READ):
        found = find_person(person.pk)
        setattr(person, _READ, getattr(found, _READ) if found else Grants())
    grants: Grants = getattr(person, _READ)
    return grants


def _grants_in(row: dict[str, Any]) -> Grants:
    permissions = frozenset(_listed(row["granted_own"]) + _listed(row["granted_by_group"]))
    seen = _listed(row["granted_organisations"])
    organisations = frozenset(pk for pk in seen if pk is not None) if seen else None
    return Grants(permissions, None if row["is_superuser"] else organisations, bool(row["granted_factor"]))


def _listed(column: str | None) -> list[Any]:
    """Return the values of a JSON list. PostgreSQL returns NULL instead of an empty list."""
    return json.loads(column) if column else []
