"""Requests that real servers relay: their order, their outcome, and how they survive crashes and lost connections."""
