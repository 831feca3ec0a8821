#!/usr/bin/env python
"""Django's command line for the portal."""

import gc
import os
import signal
import sys


def end(_number: int, _frame: object) -> None:
    """Exit cleanly. In a container, the kernel drops signals for which the first process has no handler."""
    sys.exit(0)


def main() -> None:
    # Starting up creates 230,000 objects, and most of them are never freed. Garbage collections would therefore find
    # little, and would take a sixth of the start-up time.
    gc.set_threshold(300_000)
    if sys.argv[1:2] == ["serve"]:  # the command replaces these handlers as soon as it can drain
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, end)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
