"""Requests that real servers relay: their order, their outcome, and their fate when a part fails."""
