"""The server process: start, supervise, drain; HTTP and websockets over uvicorn or daphne; probes and metrics."""
