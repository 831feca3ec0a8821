"""What the start page shows about the whole installation: `attention` what needs work now, `fleet` the figures.

`figures` counts rows for /metrics.
"""
