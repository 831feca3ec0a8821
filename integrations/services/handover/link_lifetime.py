"""How long a hand-over link may be valid. Imports nothing, because `portal/settings.py` imports it."""

MAX_HOURS = 336  # two weeks; a link that stays unopened for longer is probably forgotten, but still holds a secret
