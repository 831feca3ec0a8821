"""Notifications of the provider and its systems: events, webhook endpoints with their deliveries, alerts."""
