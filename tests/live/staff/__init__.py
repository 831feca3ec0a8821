"""The staff pages of real servers, most of them in a browser."""
