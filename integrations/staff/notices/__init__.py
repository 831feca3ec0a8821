"""Pages about webhooks, their deliveries, and alerts."""
