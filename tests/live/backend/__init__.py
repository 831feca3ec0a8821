"""The API and the webhooks of real servers."""
