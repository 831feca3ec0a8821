"""Entry point for recipients of one-time hand-over links, without sign-in or session. A refusal reveals nothing.

This package may import `relay`, `services` and everything below them, but no other entry point.
"""
