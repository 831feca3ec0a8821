"""What is told to the provider and to its systems: events, webhook endpoints with their deliveries, alerts."""
