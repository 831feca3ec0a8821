"""The three groups that come with the portal, and their permissions.

They belong to the portal: `ensure_groups` sets their permissions whenever the database is prepared. For other
permissions, create a separate group.
"""

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q

from integrations.models import StaffLimit

APP = "integrations"
VIEWER, OPERATOR, ADMINISTRATOR = "viewer", "operator", "administrator"
PORTAL_GROUPS = (VIEWER, OPERATOR, ADMINISTRATOR)

PAYLOADS = ("view_payload",)
# In addition to a viewer's permissions. Permissions that do not exist (yet) are ignored.
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


@transaction.atomic
def ensure_groups() -> None:
    """Create missing groups, and set each group's permissions to exactly those of its table."""
    for name, wanted in {VIEWER: _viewers(), OPERATOR: _operators(), ADMINISTRATOR: _administrators()}.items():
        group, _ = Group.objects.get_or_create(name=name)
        rights = set(Permission.objects.filter(wanted))
        if rights != set(group.permissions.all()):
            group.permissions.set(rights)


def _ours() -> Q:
    limit = StaffLimit._meta.model_name  # edited on a person's page, by users who may change people
    return Q(content_type__app_label=APP) & ~Q(content_type__model=limit)


def _viewers() -> Q:
    return _ours() & Q(codename__startswith="view_") & ~Q(codename__in=PAYLOADS)


def _operators() -> Q:
    return _viewers() | (_ours() & Q(codename__in=OPERATORS))


def _administrators() -> Q:
    return _ours() | Q(content_type__app_label="auth", codename__in=PEOPLE)
