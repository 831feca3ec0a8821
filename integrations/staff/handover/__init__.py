"""One-time hand-over links."""
