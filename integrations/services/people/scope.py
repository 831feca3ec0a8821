"""Which organisations a member of staff may see. Every list, page, count and feed for staff passes through here."""

from typing import Any, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model, QuerySet

from integrations.models import Organisation, StaffLimit

Row = TypeVar("Row", bound=Model)
_ASKED = "_organisations_seen"


def organisations_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[int] | None:
    """Return the ids of the organisations that `user` is limited to, or None for all of them.

    Asked once per user object, that is once per request: an act that changes a limit works on the next one.
    """
    if not hasattr(user, _ASKED):
        setattr(user, _ASKED, _organisations_of(user))
    found: frozenset[int] | None = getattr(user, _ASKED)
    return found


def is_limited(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether there are organisations that `user` may not see."""
    return organisations_of(user) is not None


def may_see(user: AbstractBaseUser | AnonymousUser, organisation: Organisation | int) -> bool:
    """Return whether `user` may see this organisation and all that is its."""
    seen = organisations_of(user)
    key = organisation if isinstance(organisation, int) else organisation.pk
    return seen is None or key in seen


def may_see_row_of(user: AbstractBaseUser | AnonymousUser, organisation_id: int | None) -> bool:
    """Return whether `user` may see a row of this organisation; one of no organisation is for the unlimited alone."""
    seen = organisations_of(user)
    return seen is None or organisation_id in seen


def limit(rows: QuerySet[Row], user: AbstractBaseUser | AnonymousUser, path: str) -> QuerySet[Row]:
    """Return those of `rows` that `user` may see; `path` leads to the organisation: "outlet__organisation".

    Rows whose path ends at nothing (an attempt of an unknown outlet) are for the unlimited alone.
    """
    seen = organisations_of(user)
    if seen is None:
        return rows
    within: dict[str, Any] = {f"{path}__in": seen}
    return rows.filter(**within)


def _organisations_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[int] | None:
    if user.pk is None:
        return frozenset()  # nobody is signed in
    if getattr(user, "is_superuser", False):
        return None
    # One query: no row without a limit, and a row of nothing for a limit without organisations.
    found = list(StaffLimit.objects.filter(user_id=user.pk).values_list("organisations", flat=True))
    return frozenset(pk for pk in found if pk is not None) if found else None
