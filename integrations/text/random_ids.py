"""Generates random UUIDs. One call of os.urandom fetches the bytes for many UUIDs.

os.urandom releases the GIL. While database threads are busy, getting the GIL back takes some thirty times longer than
the call itself. A request to a POS needs three UUIDs.
"""

import os
import uuid

SIZE = 16
AT_ONCE = 256

_pieces: list[bytes] = []
os.register_at_fork(after_in_child=_pieces.clear)  # the child must not use the same bytes as its parent


def new_uuid() -> uuid.UUID:
    """Return a random UUID (version 4). Can be called from any thread."""
    try:
        piece = _pieces.pop()
    except IndexError:
        block = os.urandom(SIZE * AT_ONCE)
        piece, *more = (block[start : start + SIZE] for start in range(0, len(block), SIZE))
        _pieces.extend(more)
    return uuid.UUID(bytes=piece, version=4)
