"""Tests of the client libraries of clients/: they are built and installed as packages, and call one demo server."""
