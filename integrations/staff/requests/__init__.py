"""Pages about requests to the POS: the list, the details of a request, "Ask the POS", message types."""
