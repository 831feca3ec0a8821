from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    """Configures Django's admin to use PortalSite; INSTALLED_APPS names this class."""

    default_site = "integrations.staff.start.site.PortalSite"
