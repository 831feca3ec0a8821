"""The server process: start, workers, signals, restarts, probes, metrics, logs, and the proxies in front of it."""
