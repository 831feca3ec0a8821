"""Telling others: webhooks and alerts. Begin with `noticing` (what happened), `alerts` (what lasts), then
`delivering` and `mailing` (the way out). `portal/serving/chores.py` runs them.
"""
