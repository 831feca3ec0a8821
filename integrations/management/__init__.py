"""The commands: `commands` has a module for each; `outlet_commands` and `secrets_file` have code that commands use.

Commands may import all of `integrations` and `portal`; nothing imports them.
"""
