"""Data of the start page about the whole installation: `attention` lists problems, `fleet` counts outlets and requests.

`figures` counts rows for /metrics.
"""
