"""Figures about the whole installation, for the start page and for /metrics."""
