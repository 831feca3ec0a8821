"""The values to enter in PowerEPOS, and the one-time links that hand them over."""
