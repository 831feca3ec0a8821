"""HTTP connections, stricter than uvicorn's own: framing, limits, refusals, whole answers, how a connection ends."""
