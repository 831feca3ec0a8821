"""Events, the webhook endpoints that receive them, and the deliveries to these endpoints."""
