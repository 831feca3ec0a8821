"""Writes the files that are generated from the code: docs/asyncapi.yaml and parts of the clients."""
