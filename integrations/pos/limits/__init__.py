"""Limits at the POS endpoints: failed authentications, and frames from one POS."""
