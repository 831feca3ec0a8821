"""Pages about API keys."""
