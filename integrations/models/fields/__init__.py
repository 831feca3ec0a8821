"""Fields for names and IDs, and what opening hours may say."""
