"""Starts, supervises and drains the server process; adapts uvicorn and daphne; answers probes and metrics requests."""
