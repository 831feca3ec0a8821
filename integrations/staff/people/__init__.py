"""Pages about the provider's staff."""
