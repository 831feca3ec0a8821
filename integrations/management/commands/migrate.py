from typing import Any

from django.core.management.commands.migrate import Command as DjangoCommand

from integrations.services.people.groups import ensure_groups


class Command(DjangoCommand):
    """Django's migrate command, which also creates the portal's groups. Every way of installing runs it."""

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if _is_whole(options):
            ensure_groups()


def _is_whole(options: dict[str, Any]) -> bool:
    """Return whether the command migrated all apps. Some options limit it to one app, a plan or a check."""
    return not (options["app_label"] or options["plan"] or options["check_unapplied"] or options["prune"])
