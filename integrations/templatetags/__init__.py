"""The templates' filters and tags (`staff_words`). This package may import `staff` and everything below it."""
