"""Delete rows after their retention time, and redact rows that older versions stored unredacted, in small batches."""
