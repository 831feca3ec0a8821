"""The outlets that the caller's key may see."""
