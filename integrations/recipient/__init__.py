"""Door 4: whoever has a one-time hand-over link. No login, no session, nothing to learn from a refusal."""
