"""The shell: `commands` holds a module for each command; `outlet_commands` and `secrets_file` hold what several share.

Commands may import all of `integrations` and `portal`; nothing imports them.
"""
