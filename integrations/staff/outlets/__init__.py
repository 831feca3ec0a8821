"""Organisations and outlets: lists, pages, export, and the results of the search at the top of each page."""
