"""Data about the whole installation, for the start page and for /metrics.

For the start page, `attention` lists problems, and `fleet_state` counts outlets and requests. `metric_counts` counts
rows for /metrics.
"""
