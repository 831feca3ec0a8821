"""Webhooks and alerts. Start reading at `event_detection` (what happened) and `alerts` (lasting conditions), then read
`delivering` and `mailing` (how both are sent). `portal/serving/chores.py` runs them.
"""
