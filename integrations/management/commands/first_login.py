import secrets
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError

from integrations.checks import SETTINGS

USER_NAME = "admin"
# These are 32 characters, so each has five bits. The letters i, l and o are missing because they look like digits. The
# letter u is missing too, because words are less likely to occur by chance with few vowels.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
GROUPS, GROUP_LENGTH = 5, 4


class Command(BaseCommand):
    requires_system_checks = [SETTINGS]
    help = "Create the first staff account and print its password once. Does nothing if a superuser exists."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if User.objects.filter(is_superuser=True).exists():
            return
        password = generate_password()
        create_superuser_login(password)
        self.stdout.write(f"\nFirst staff account\n  user name  {USER_NAME}\n  password   {password}")
        self.stdout.write("Store the password now. It will not be shown again.\n")


def generate_password() -> str:
    """Return a new password of 100 random bits, in groups that are easy to type. The hyphens are part of it."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join(groups)


def create_superuser_login(password: str) -> None:
    """Create the superuser. Raises CommandError if another user already has the name."""
    try:
        User.objects.create_superuser(USER_NAME, password=password)
    except IntegrityError as error:
        raise CommandError(
            f"No superuser exists, but another user has the name {USER_NAME}. Run manage.py createsuperuser."
        ) from error
