"""Shared by the folders of `staff`: admin classes, action pages, fragments, forms, filters, lists, rights, texts."""
