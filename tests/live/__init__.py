"""Tests that start real processes: our servers, PostgreSQL, Redis, and clients that are not ours."""
