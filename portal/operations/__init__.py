"""Tools of an operator: the doctor, backups, the demo. Shell commands call them."""
