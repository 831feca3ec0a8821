"""Delete rows with a limited retention time, and redact rows of an older version, in small batches."""
