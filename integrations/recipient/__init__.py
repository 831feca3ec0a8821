"""Entry point for the recipients of one-time hand-over links. It needs no sign-in and no session.

A refusal does not reveal whether the link or the passphrase was wrong.

This package may import `relay`, `services` and everything below them, but no other entry point.
"""
