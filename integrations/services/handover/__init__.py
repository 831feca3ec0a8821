"""The values that PowerEPOS must know, and the one-time links by which they are handed over."""
