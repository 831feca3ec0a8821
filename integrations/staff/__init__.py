"""Entry point for people: the provider's staff, in the Django admin.

The folders have the names of those in `services`. In each, `admin` defines the list and the page, and `actions`
defines what staff may do. `forms` and `page` contain parts of these. Start with `base`, then `outlets` and
`integration`. This package may import `relay`, `services` and everything below them, but no other entry point.
"""
