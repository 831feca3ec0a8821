"""The integration of one outlet: enable, disable and disconnect it, rotate its secrets, check its connection."""
