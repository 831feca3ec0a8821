"""The API keys of the provider's systems: create, rotate with an overlap, retire."""
