"""What a process reads of the rows every second, and what it then closes.

`watcher` is the loop, `standings` reads whether a connection is still allowed, `process_lease` is the process's row.
It may import the other packages of `relay`.
"""
