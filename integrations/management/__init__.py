"""The manage.py commands: one module each in `commands`; `outlet_commands` and `secrets_file` support them.

Commands may import all of `integrations` and `portal`; nothing imports them.
"""
