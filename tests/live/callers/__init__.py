"""The clients of the servers under test: tills, backends, browsers, proxies' callers, load and hostile input."""
