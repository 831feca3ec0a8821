"""The start page and the admin site."""
