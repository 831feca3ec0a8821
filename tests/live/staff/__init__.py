"""Tests of the staff pages of real servers. Most of the tests use a browser."""
