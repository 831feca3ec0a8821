"""The provider's staff: their groups, visible organisations, second factors, linked identities and sign-ins."""
