from typing import Any

from django.core.management.commands.migrate import Command as DjangoCommand

from integrations.services.people.groups import ensure_groups


class Command(DjangoCommand):
    """Django's own, which leaves behind the groups that come with the portal, however it was installed."""

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if _is_whole(options):
            ensure_groups()


def _is_whole(options: dict[str, Any]) -> bool:
    """Whether the database is now as the models are: neither one app's part of it, nor a look only."""
    return not (options["app_label"] or options["plan"] or options["check_unapplied"] or options["prune"])
