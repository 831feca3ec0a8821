"""The operator's tools: the doctor, backups and the demo. Management commands call them."""
