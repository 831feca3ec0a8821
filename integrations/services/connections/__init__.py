"""Authenticate POSes, store their connections and presence, and manage leases.

`ending_texts` describes how a connection ended. A lease lets only one process at a time do a piece of work.
"""
