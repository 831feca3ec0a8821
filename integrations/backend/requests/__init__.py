"""Requests to a POS: `order_calls` parses one, `views` sends it, and `outcomes` converts its outcome into an answer."""
