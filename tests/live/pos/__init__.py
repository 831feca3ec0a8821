"""The POS's side of real servers: authentication, the handshake, frames, limits and takeovers."""
