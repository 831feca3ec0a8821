"""The three roles of the portal, and the permissions of each. The database stores a role as a group with the same name.

The groups belong to the portal. `ensure_groups` sets their permissions whenever the database is prepared, and no page
changes them. For other permissions, create a separate group at the shell (docs/how-to/manage-sign-in.md).
"""

from collections.abc import Iterable

from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db import transaction
from django.db.models import Q, TextChoices

from integrations.models import StaffLimit

APP = "integrations"


class Role(TextChoices):
    """The roles, from the fewest permissions to the most. Each value is the name of the role's group."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"

    @property
    def sentence(self) -> str:
        return SENTENCES[self]


SENTENCES = {
    Role.VIEWER: "Sees outlets, connections, alerts and activity, but not the content of requests, and changes "
    "nothing.",
    Role.OPERATOR: "Sees what a viewer sees and the content of requests, enables outlets, rotates secrets and sends "
    "requests to tills.",
    Role.ADMINISTRATOR: "Does all that an operator does, and manages API keys, webhooks, alerts and people.",
}
VIEWER, OPERATOR, ADMINISTRATOR = Role.VIEWER.value, Role.OPERATOR.value, Role.ADMINISTRATOR.value
PORTAL_GROUPS = tuple(Role.values)

PAYLOADS = ("view_payload",)
# What operators have in addition to a viewer's permissions. Permissions that do not exist (yet) are ignored.
OPERATORS = (
    "add_organisation",
    "change_organisation",
    "delete_organisation",
    "add_outlet",
    "change_outlet",
    "delete_outlet",
    "add_integration",
    "change_integration",
    "ask_pos",
    "view_payload",
    "add_handoverlink",
    "change_handoverlink",
)
PEOPLE = ("view_user", "add_user", "change_user")


def role_in(groups: Iterable[Group]) -> Role | None:
    """Return the role with the most permissions among these groups, or None."""
    names = {group.name for group in groups}
    return next((role for role in reversed(Role) if role.value in names), None)


def has_no_role(user: User | AnonymousUser) -> bool:
    """Return True if `user` has no permissions at all, neither from a role nor from another group."""
    return not (user.is_superuser or user.get_all_permissions())


@transaction.atomic
def ensure_groups() -> None:
    """Create the roles' groups that are missing, and give each group exactly the permissions of its role."""
    for name, wanted in {VIEWER: _viewers(), OPERATOR: _operators(), ADMINISTRATOR: _administrators()}.items():
        group, _ = Group.objects.get_or_create(name=name)
        rights = set(Permission.objects.filter(wanted))
        if rights != set(group.permissions.all()):
            group.permissions.set(rights)


def _ours() -> Q:
    # Roles need no permissions on staff limits, because permission to change a person also covers that person's limit.
    limit = StaffLimit._meta.model_name
    return Q(content_type__app_label=APP) & ~Q(content_type__model=limit)


def _viewers() -> Q:
    return _ours() & Q(codename__startswith="view_") & ~Q(codename__in=PAYLOADS)


def _operators() -> Q:
    return _viewers() | (_ours() & Q(codename__in=OPERATORS))


def _administrators() -> Q:
    return _ours() | Q(content_type__app_label="auth", codename__in=PEOPLE)
