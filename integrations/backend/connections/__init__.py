"""The history of an outlet: its connections and its attempts to authenticate."""
