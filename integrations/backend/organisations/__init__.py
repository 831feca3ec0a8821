"""Organisations: the provider's customers, each with its outlets."""
