"""uvicorn's HTTP connections, with stricter framing and limits, early refusals, and answers sent in one write."""
