"""The server process: its start, workers, signals, restarts, probes, metrics and logs, and proxies in front of it."""
