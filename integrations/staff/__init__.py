"""Entry point for people: the provider's staff, in the Django admin.

Most folders have the same name as the folder of `services` that they use. In each folder, `admin` defines the list and
the page for one row, and `actions` defines what staff may do with a row. Some folders also have `forms` and `page`,
which define parts of those pages. Start with `base`, then `outlets` and `integration`. This package may import `relay`,
`services` and everything below them, but no other entry point.
"""
