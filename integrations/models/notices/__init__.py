"""Models for notifying the provider's staff and systems: events, webhook endpoints, deliveries, alerts and e-mails."""
