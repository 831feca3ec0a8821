"""New random UUIDs, of bytes that are fetched from the system for many at a time.

os.urandom lets the other threads run. With database threads at work, each call then waits for the interpreter some
thirty times longer than it takes, and a request to a POS needs three.
"""

import os
import uuid

SIZE = 16
AT_ONCE = 256

_pieces: list[bytes] = []
os.register_at_fork(after_in_child=_pieces.clear)  # the parent uses the same ones


def new_uuid() -> uuid.UUID:
    """Return a random UUID (version 4), from any thread."""
    try:
        piece = _pieces.pop()
    except IndexError:
        block = os.urandom(SIZE * AT_ONCE)
        piece, *more = (block[start : start + SIZE] for start in range(0, len(block), SIZE))
        _pieces.extend(more)
    return uuid.UUID(bytes=piece, version=4)
