"""Door 3: the provider's own systems ask over REST what the POS answers."""
