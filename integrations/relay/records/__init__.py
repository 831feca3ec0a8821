"""What a process records of its connections and authentications.

`recorder` collects a `batch` on the event loop, `record_writer` writes it in a database thread. It may import
`sockets`.
"""
