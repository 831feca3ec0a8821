"""Pages: Django's handler, errors, headers, proxies, and logs without secrets."""
