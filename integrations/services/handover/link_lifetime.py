"""How long a hand-over link may be valid. Imports nothing, because `portal/settings.py` imports it."""

MAX_HOURS = 336  # two weeks: a link unopened by then is probably forgotten, and it still holds a secret
