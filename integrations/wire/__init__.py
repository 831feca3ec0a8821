"""What goes over the wire, through whichever entry point: JSON as it was spelled, frames, ASGI, limits. Pure."""
