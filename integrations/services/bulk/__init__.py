"""Actions on many outlets, from a file or from a selection: plan, confirm, carry out in steps."""
