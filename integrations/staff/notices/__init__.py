"""Webhooks, their deliveries, and alerts."""
