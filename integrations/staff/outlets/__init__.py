"""Organisations and outlets: lists, pages, export."""
