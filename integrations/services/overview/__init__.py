"""Data of the start page about the whole installation.

`attention` lists problems, and `fleet_state` counts outlets and requests. `metric_counts` counts rows for /metrics.
"""
