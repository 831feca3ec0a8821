"""The API keys of the provider's systems: make, rotate with an overlap, retire."""
