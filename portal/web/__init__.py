"""Serves pages through Django, answers errors, reads proxy headers, and keeps secrets out of logs."""
