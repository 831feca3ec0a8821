"""Notifications to the provider's staff and systems: events, webhook endpoints with their deliveries, alerts."""
