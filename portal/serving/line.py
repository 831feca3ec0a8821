"""The line between a supervisor and each of its workers: a word each way, and its end says that the other is gone.

Not signals: systemd and a terminal send theirs to every process of a group, beside what the supervisor passes on, and
a worker would take the second for haste.
"""

import asyncio
import contextlib
import socket
from typing import Protocol

READY = b"r"
STOP = b"s"  # all workers end: go on accepting while draining, to say 503
HAND_OVER = b"d"  # another worker accepts on the same socket
HURRY = b"h"


class Leaving(Protocol):
    """What the line asks of a server."""

    def leave(self, *, hands_over: bool) -> None:
        """Begin to end."""

    def hurry(self) -> None:
        """End faster."""


class Line:
    """A worker's end. Used on the event loop."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)

    def open(self, server: Leaving) -> None:
        """Say that the server serves, and do from now on what the supervisor says."""
        self._server = server
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        with contextlib.suppress(OSError):  # the supervisor is gone; the reader will see it
            self._socket.send(READY)

    def _read(self) -> None:
        words = _received(self._socket)
        if not words:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._server.leave(hands_over=True)  # so that the address is free for a new supervisor
        for word in words:
            self._obey(bytes([word]))

    def _obey(self, word: bytes) -> None:
        if word == HURRY:
            self._server.hurry()
            return
        self._server.leave(hands_over=word == HAND_OVER)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(16)
    except ConnectionError:
        return b""
