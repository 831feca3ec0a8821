from django.conf import settings
from django.db import models

from integrations.models.outlet import Organisation


class StaffLimit(models.Model):
    """Limits one member of staff to some organisations. Staff without such a row see all organisations.

    A person whose row lists no organisations sees none, so removing the last organisation never grants access.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="staff_limit"
    )
    organisations = models.ManyToManyField(Organisation, blank=True, related_name="+")

    def __str__(self) -> str:
        return f"{self.user} is limited to some organisations"
