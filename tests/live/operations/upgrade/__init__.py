"""The database of an installation of commit cd0fc3e, and how it was created.

`values.py` holds its keys and secrets, and `installation.sql` its tables and rows. `old_code.py` holds the calls that
created it, and `make_dump.py` runs those calls in a checkout of that commit.
"""
