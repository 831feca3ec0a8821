"""The provider's staff: who may sign in, what each person may do, and which organisations each may see.

A person cannot give others more permissions or organisations than they have themselves. Superusers can only be created
at the shell (`manage.py createsuperuser`).
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
class Access:
    """A person's groups and visible organisations. If `organisations` is None, the person sees all."""

    groups: Collection[Group]
    organisations: Collection[Organisation] | None


def get_person(username: str) -> User:
    """Return the person with this user name. Raises PersonNotFound."""
    person = User.objects.filter(username=username).first()
    if person is None:
        raise PersonNotFound(f"No person has the user name {username!r}. Check its spelling.")
    return person


def manageable(actor: User) -> QuerySet[User]:
    """Return the people that `actor` may see and change: those whose permissions and organisations `actor` also has."""
    people = User.objects.exclude(pk=actor.pk)
    if not actor.is_superuser:
        people = people.exclude(is_superuser=True).exclude(_having_other_rights_than(actor))
    seen = scope.organisations_of(actor)
    if seen is None:
        return people
    elsewhere = StaffLimit.objects.filter(organisations__in=Organisation.objects.exclude(pk__in=seen))
    return people.filter(staff_limit__isnull=False).exclude(staff_limit__in=elsewhere)


def visible(actor: User) -> QuerySet[User]:
    """Return the people in the list that `actor` sees: those that `actor` may change, and `actor`."""
    return User.objects.filter(Q(pk__in=manageable(actor).values("pk")) | Q(pk=actor.pk))


def grantable(actor: User) -> QuerySet[Group]:
    """Return the groups whose permissions `actor` also has."""
    if actor.is_superuser:
        return Group.objects.all()
    return Group.objects.exclude(permissions__in=_rights_lacking(actor))


def visible_organisations(actor: User) -> QuerySet[Organisation]:
    """Return the organisations that `actor` may see, and so may let others see."""
    return scope.limit(Organisation.objects.all(), actor, "pk")


@transaction.atomic
def save_person(person: User, *, access: Access, giver: User, actor: Actor) -> User:
    """Store a new or changed person with their access, and record an audit event.

    Raises InvalidValue if `giver` may not change this person, or does not have all the access that is given.
    """
    _check_grantable(access, giver)
    is_new = person.pk is None
    if not is_new and not manageable(giver).filter(pk=person.pk).exists():
        raise InvalidValue(
            "username", "This person may do or see more than you. Ask a colleague who has their role and access."
        )
    known_as = "" if is_new else User.objects.values_list("username", flat=True).get(pk=person.pk)
    person.is_staff = True
    person.save()
    person.groups.set(access.groups)
    _limit(person, access.organisations)
    if not is_new and access.organisations is not None:
        seen, reason = [each.pk for each in access.organisations], "its creator may no longer see this outlet"
        handover_links.revoke_links_of(known_as, outside=seen, reason=reason, actor=actor)
    record(Verb.PERSON_ADDED if is_new else Verb.PERSON_CHANGED, person, actor=actor, **_in_words(person, access))
    return person


def password_was_set(person: User, *, actor: Actor) -> None:
    """Record that another person changed or removed this person's password, which ended this person's sessions."""
    record(Verb.PASSWORD_SET, person, actor=actor)


def _check_grantable(access: Access, giver: User) -> None:
    allowed = set(grantable(giver).values_list("pk", flat=True))
    if any(group.pk not in allowed for group in access.groups):
        raise InvalidValue("role", "Choose only a role and groups whose permissions you have yourself.")
    seen = scope.organisations_of(giver)
    if seen is None:
        return
    if access.organisations is None or any(each.pk not in seen for each in access.organisations):
        raise InvalidValue("organisations", "Choose only organisations that you may see yourself.")


def _limit(person: User, organisations: Collection[Organisation] | None) -> None:
    if organisations is None:
        StaffLimit.objects.filter(user=person).delete()
        return
    limit, _ = StaffLimit.objects.get_or_create(user=person)
    limit.organisations.set(organisations)


def _in_words(person: User, access: Access) -> dict[str, object]:
    seen = "all" if access.organisations is None else _names(access.organisations)
    return {"active": person.is_active, "groups": _names(access.groups), "organisations": seen}


def _names(rows: Iterable[Group] | Iterable[Organisation]) -> str:
    return ", ".join(sorted(row.name for row in rows)) or "none"


def _having_other_rights_than(actor: User) -> Q:
    lacking = _rights_lacking(actor)
    by_group = Group.objects.filter(permissions__in=lacking)
    return Q(groups__in=by_group) | Q(user_permissions__in=lacking)


def _rights_lacking(actor: User) -> QuerySet[Permission]:
    held = Permission.objects.filter(Q(user=actor) | Q(group__user=actor))
    return Permission.objects.exclude(pk__in=held.values("pk"))
