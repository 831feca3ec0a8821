"""The commands: `commands` has a module for each; `outlet_commands` and `secrets_file` have what several of them share.

Commands may import all of `integrations` and `portal`; nothing imports them.
"""
