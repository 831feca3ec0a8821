"""The integration of one outlet: its page, the actions on it, the check."""
