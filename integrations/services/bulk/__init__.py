"""Actions on many outlets, from a file or a selection: plan, check, report. services/integration carries them out."""
