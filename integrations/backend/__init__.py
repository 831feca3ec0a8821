"""Entry point for the provider's own systems: they ask over REST, and get what the POS answers."""
