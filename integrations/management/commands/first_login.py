import secrets
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError

USER_NAME = "admin"
# Five bits each. Without i, l, o and u nothing is mistaken for a digit, or reads as a word.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
GROUPS, GROUP_LENGTH = 5, 4


class Command(BaseCommand):
    help = "Makes the first staff login and prints its password once; does nothing when there is a superuser."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if User.objects.filter(is_superuser=True).exists():
            return
        password = generate_password()
        make_superuser(password)
        self.stdout.write(f"\nFirst staff login\n  user name  {USER_NAME}\n  password   {password}")
        self.stdout.write("Keep the password now: it will not be shown again.\n")


def generate_password() -> str:
    """Return a new password of 100 random bits, in groups that are easy to type; the hyphens belong to it."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join(groups)


def make_superuser(password: str) -> None:
    """Raise CommandError when somebody without a superuser's rights has the name already."""
    try:
        User.objects.create_superuser(USER_NAME, password=password)
    except IntegrityError as error:
        raise CommandError(
            f"There is no superuser, and the name {USER_NAME} is taken: run manage.py createsuperuser."
        ) from error
