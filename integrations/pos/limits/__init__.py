"""Limits at the POS endpoints: failed authentications, frames of one POS, two tills that share credentials."""
