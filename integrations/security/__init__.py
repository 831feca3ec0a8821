"""Secrets outside the database: made, digested, sealed, and kept out of logs. Pure."""
