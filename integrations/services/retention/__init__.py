"""Delete rows with a limited retention time, in small batches."""
