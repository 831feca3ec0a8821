"""Requests to the POS: the list, a request's page, "Ask the POS", message types."""
