"""Actions on many outlets."""
