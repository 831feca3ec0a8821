"""The integration of one outlet: its part of the outlet's page, how to enable it, the actions on it, the check."""
