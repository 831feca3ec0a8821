"""The API and webhooks of real servers."""
