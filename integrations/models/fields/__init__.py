"""Fields for names and IDs, and the format of opening hours."""
