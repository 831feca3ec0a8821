"""Door 2: the provider's staff, in the Django admin. Begin with `site`, then `outlets` and `integrations`."""
