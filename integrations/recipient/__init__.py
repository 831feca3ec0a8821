"""Entry point for recipients of one-time hand-over links. No login, no session, nothing to learn from a refusal."""
