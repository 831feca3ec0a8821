"""The provider's staff themselves."""
