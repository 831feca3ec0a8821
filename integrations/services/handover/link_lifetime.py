"""How long a hand-over link may be valid. Imports nothing, because `portal/settings.py` imports it."""

MAX_HOURS = 336  # two weeks, because a link that is still unopened then is probably forgotten, and holds a secret
