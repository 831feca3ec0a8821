"""Entry point for recipients of one-time hand-over links. No sign-in, no session; a refusal reveals nothing.

This package may import `relay`, `services` and everything below them, but no other entry point.
"""
