"""The sign-in backend. One query per request reads the person with their permissions, limits and second factor."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from integrations.services.people.grants import find_person, grants_of


class StaffBackend(AuthenticationBackend):  # type: ignore[misc]
    """allauth's backend, with the permissions from services/people/grants.py."""

    def get_user(self, user_id: object) -> User | None:
        person = find_person(user_id)
        return person if person and self.user_can_authenticate(person) else None

    def get_all_permissions(self, user_obj: AbstractBaseUser | AnonymousUser, obj: Any = None) -> Any:
        if not isinstance(user_obj, User) or user_obj.is_superuser or not user_obj.is_active or obj is not None:
            return super().get_all_permissions(user_obj, obj)
        return grants_of(user_obj).permissions
