"""The commands of manage.py, a module for each. docs/commands.md describes them."""
