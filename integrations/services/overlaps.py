"""The overlaps that commands and pages offer, by name: how long the old secret stays valid after a rotation."""

from datetime import timedelta

OVERLAPS = {"0": timedelta(0), "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
