"""Requests to a POS: `orders` parses one, `views` sends it, and `outcomes` converts its outcome into an answer."""
