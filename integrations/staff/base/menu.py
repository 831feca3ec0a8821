"""The menu: the lists of all registered models, grouped by task. Each admin class names its group and its position."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import Model

LAST_IN_MENU = 1000  # default menu_position


class MenuGroup(StrEnum):
    """The groups of the menu, one for each kind of task, in the menu's order."""

    OUTLETS = "Outlets"
    ACTIVITY = "Activity"
    ALERTS = "Alerts and webhooks"
    PEOPLE = "People"
    SET_UP = "Set-up"
    OTHER = "Other"  # the group of models whose admin class names no group


def menu_of(apps: Iterable[Mapping[str, Any]], admins: Mapping[type[Model], ModelAdmin[Any]]) -> list[dict[str, Any]]:
    """Return Django's list of apps as groups of the menu, without empty groups.

    A group has the keys that Django's templates read from an app, so templates of other packages can show a group too.
    """
    entries = sorted(
        (entry for app in apps for entry in app["models"]),
        key=lambda entry: getattr(admins[entry["model"]], "menu_position", LAST_IN_MENU),
    )
    found: dict[MenuGroup, list[Any]] = {group: [] for group in MenuGroup}
    for entry in entries:
        found[getattr(admins[entry["model"]], "menu_group", MenuGroup.OTHER)].append(entry)
    return [
        {
            "name": group.value,
            "app_label": group.name.lower(),
            "app_url": "",
            "has_module_perms": True,
            "models": listed,
        }
        for group, listed in found.items()
        if listed
    ]
