"""How long a secret that was rotated is still accepted, as commands and pages name it."""

from datetime import timedelta

OVERLAPS = {"0": timedelta(0), "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
