"""The provider's staff: groups, organisations that each may see, second factors, linked identities, sign-ins."""
