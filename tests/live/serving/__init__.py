"""The server process: start, workers, signals, restarts, probes, metrics, logs, and the proxies before it."""
