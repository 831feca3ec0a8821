"""Entry point for recipients of one-time hand-over links. No sign-in, no session; a refusal reveals nothing."""
