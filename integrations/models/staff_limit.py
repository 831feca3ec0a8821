from django.conf import settings
from django.db import models

from integrations.models.outlet import Organisation


class StaffLimit(models.Model):
    """Limits one member of staff to some organisations; whoever has no such row sees all.

    A row without organisations lets its person see none: what is taken away never opens anything.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="staff_limit"
    )
    organisations = models.ManyToManyField(Organisation, blank=True, related_name="+")

    def __str__(self) -> str:
        return f"{self.user} is limited to some organisations"
