"""What a process records of its connections and authentications.

`recorder` collects on the event loop, `record_writer` writes a batch in a database thread. It may import `sockets`.
"""
