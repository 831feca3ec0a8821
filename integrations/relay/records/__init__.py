"""Records connections and authentications.

`recorder` collects a `batch` on the event loop, and `record_writer` writes it in a database thread. The other modules
define the kinds of records, each with its writer. This package may import `sockets`.
"""
