"""The provider's staff: who may come in, what each may do, and which organisations each sees.

Nobody gives away more than they have: neither a right nor the sight of an organisation. Superusers are made at the
shell alone (`manage.py createsuperuser`).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.db.models import Q, QuerySet

from integrations.models import Organisation, StaffLimit
from integrations.models.audit import Verb
from integrations.services.audit import Actor, record
from integrations.services.errors import InvalidValue
from integrations.services.handover import links as handover_links
from integrations.services.people import scope
from integrations.services.people.errors import PersonNotFound


@dataclass(frozen=True)
class Role:
    """What a person may do, and what they see: `organisations` is None for all of them."""

    groups: Collection[Group]
    organisations: Collection[Organisation] | None


def get_person(username: str) -> User:
    """Return the person of that user name. Raises PersonNotFound."""
    person = User.objects.filter(username=username).first()
    if person is None:
        raise PersonNotFound(f"There is no person with the user name {username!r}.")
    return person


def manageable(actor: User) -> QuerySet[User]:
    """Return whom `actor` may see and change: nobody with more rights or a wider sight, and not themselves."""
    people = User.objects.exclude(pk=actor.pk)
    if not actor.is_superuser:
        people = people.exclude(is_superuser=True).exclude(_having_other_rights_than(actor))
    seen = scope.organisations_of(actor)
    if seen is None:
        return people
    elsewhere = StaffLimit.objects.filter(organisations__in=Organisation.objects.exclude(pk__in=seen))
    return people.filter(staff_limit__isnull=False).exclude(staff_limit__in=elsewhere)


def grantable(actor: User) -> QuerySet[Group]:
    """Return the groups that hold no right that `actor` lacks."""
    if actor.is_superuser:
        return Group.objects.all()
    return Group.objects.exclude(permissions__in=_rights_lacking(actor))


def visible_organisations(actor: User) -> QuerySet[Organisation]:
    """Return the organisations that `actor` sees, and so may let others see."""
    return scope.limit(Organisation.objects.all(), actor, "pk")


@transaction.atomic
def save_person(person: User, *, role: Role, giver: User, actor: Actor) -> User:
    """Store a person, new or changed, with their role, and write that down.

    Raises InvalidValue where `giver` would give more than they have.
    """
    _check(role, giver)
    is_new = person.pk is None
    if not is_new and not manageable(giver).filter(pk=person.pk).exists():
        raise InvalidValue("username", "You may not change this person: they may do or see more than you.")
    known_as = "" if is_new else User.objects.values_list("username", flat=True).get(pk=person.pk)
    person.is_staff = True
    person.save()
    person.groups.set(role.groups)
    _limit(person, role.organisations)
    if not is_new and role.organisations is not None:
        seen, reason = [each.pk for each in role.organisations], "its maker may not see this outlet any more"
        handover_links.take_back_of(known_as, outside=seen, reason=reason, actor=actor)
    record(Verb.PERSON_ADDED if is_new else Verb.PERSON_CHANGED, person, actor=actor, **_in_words(person, role))
    return person


def password_was_set(person: User, *, actor: Actor) -> None:
    """Write down that somebody gave this person another password, or none; it ended all their sessions."""
    record(Verb.PASSWORD_SET, person, actor=actor)


def _check(role: Role, giver: User) -> None:
    allowed = set(grantable(giver).values_list("pk", flat=True))
    if any(group.pk not in allowed for group in role.groups):
        raise InvalidValue("groups", "Choose among groups that may do no more than you.")
    seen = scope.organisations_of(giver)
    if seen is None:
        return
    if role.organisations is None or any(each.pk not in seen for each in role.organisations):
        raise InvalidValue("organisations", "Choose among your own organisations: you are limited to them.")


def _limit(person: User, organisations: Collection[Organisation] | None) -> None:
    if organisations is None:
        StaffLimit.objects.filter(user=person).delete()
        return
    limit, _ = StaffLimit.objects.get_or_create(user=person)
    limit.organisations.set(organisations)


def _in_words(person: User, role: Role) -> dict[str, object]:
    seen = "all" if role.organisations is None else _names(role.organisations)
    return {"active": person.is_active, "groups": _names(role.groups), "organisations": seen}


def _names(rows: Iterable[Group] | Iterable[Organisation]) -> str:
    return ", ".join(sorted(row.name for row in rows)) or "none"


def _having_other_rights_than(actor: User) -> Q:
    lacking = _rights_lacking(actor)
    by_group = Group.objects.filter(permissions__in=lacking)
    return Q(groups__in=by_group) | Q(user_permissions__in=lacking)


def _rights_lacking(actor: User) -> QuerySet[Permission]:
    held = Permission.objects.filter(Q(user=actor) | Q(group__user=actor))
    return Permission.objects.exclude(pk__in=held.values("pk"))
