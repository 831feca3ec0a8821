"""Webhooks and alerts. Start reading at `event_detection` (what happened) and `alerts` (lasting conditions), then read
`delivering` (webhooks) and `mailing` (e-mail). `portal/serving/chores.py` runs these modules periodically.
"""
