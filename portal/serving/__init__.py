"""The server process: start, supervision, drain; HTTP and websockets on uvicorn or daphne; probes and metrics."""
