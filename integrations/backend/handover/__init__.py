"""One-time hand-over links: each hands an outlet's values over to its recipient."""
