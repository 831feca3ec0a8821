"""Tests of the promises in docs/faults.md: what the portal does when something breaks, on real processes."""
