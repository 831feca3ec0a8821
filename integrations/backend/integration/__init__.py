"""The check of an outlet: which steps its till has completed, and what to do next."""
