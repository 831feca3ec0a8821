"""Limits at the POS endpoints: failed authentications, frames from one POS, two tills with the same credentials."""
