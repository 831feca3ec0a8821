"""Which organisations a member of staff may see. Every list, page, count and feed for staff uses these functions."""

from typing import Any, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model, QuerySet

from integrations.models import Organisation
from integrations.services.people.grants import grants_of

Row = TypeVar("Row", bound=Model)


def organisations_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[int] | None:
    """Return the ids of the organisations that `user` is limited to, or None if not limited.

    A changed limit takes effect at the next request.
    """
    if not isinstance(user, AbstractBaseUser) or user.pk is None:
        return frozenset()  # not signed in
    return grants_of(user).organisations


def is_limited(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether `user` is limited to some organisations."""
    return organisations_of(user) is not None


def may_see(user: AbstractBaseUser | AnonymousUser, organisation: Organisation | int) -> bool:
    """Return whether `user` may see this organisation and everything that belongs to it."""
    seen = organisations_of(user)
    key = organisation if isinstance(organisation, int) else organisation.pk
    return seen is None or key in seen


def may_see_row_of(user: AbstractBaseUser | AnonymousUser, organisation_id: int | None) -> bool:
    """Return whether `user` may see a row of this organisation. Only unlimited users see rows without one."""
    seen = organisations_of(user)
    return seen is None or organisation_id in seen


def limit(rows: QuerySet[Row], user: AbstractBaseUser | AnonymousUser, path: str) -> QuerySet[Row]:
    """Return the `rows` that `user` may see. `path` leads to the organisation, for example "outlet__organisation".

    Only unlimited users see rows without an organisation (for example, an attempt of an unknown outlet).
    """
    seen = organisations_of(user)
    if seen is None:
        return rows
    within: dict[str, Any] = {f"{path}__in": seen}
    return rows.filter(**within)
