"""Organisations and outlets: make, change, find them, and notice names that look alike."""
