"""Fields for names and IDs, the format of opening hours, and lookups that ignore the case of all letters."""
