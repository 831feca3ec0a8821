"""Django looks here; the admin itself lives in staff/."""
