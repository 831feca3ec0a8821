"""Records connections and authentications.

`recorder` collects a `batch` on the event loop, and `record_writer` writes it in a database thread. This package may
import `sockets`.
"""
