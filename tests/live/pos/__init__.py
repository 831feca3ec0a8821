"""How real servers treat a POS: authentication, the handshake, frames, limits and takeovers."""
