"""How long the old secret can stay valid after a rotation: the overlaps that commands and pages offer, by name."""

from datetime import timedelta

OVERLAPS = {"0": timedelta(0), "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
