"""Test, on real processes, how the portal behaves when something breaks: docs/faults.md promises this behaviour."""
