"""Pages about one outlet's integration: its part of the outlet's page, its actions, and the check of the outlet."""
