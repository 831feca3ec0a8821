"""HTTP connections that are stricter than uvicorn's own: framing, limits, refusals, single-write answers, closing."""
