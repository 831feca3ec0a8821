"""Requests that real servers relay: their order and outcome, and what becomes of them when a part dies."""
