"""Deletes rows that are kept for a limited time, in small batches."""
