"""Requests to the POS: stored, sent, ended; what is kept of their contents; what staff ask."""
