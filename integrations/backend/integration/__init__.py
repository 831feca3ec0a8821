"""The check of an outlet: how far its till has come with connecting, and what to do next."""
