from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    """Django's admin with our site in place of its own; named in INSTALLED_APPS."""

    default_site = "integrations.staff.start.site.PortalSite"
