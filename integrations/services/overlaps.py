"""The overlaps that commands and pages offer: for each name, how long a rotated secret stays valid."""

from datetime import timedelta

OVERLAPS = {"0": timedelta(0), "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
