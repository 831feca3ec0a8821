"""Bulk actions on outlets."""
