"""Control channel between supervisor and worker: one-byte commands; EOF means that the peer has died.

The supervisor does not use signals, because systemd and a terminal send theirs to every process of the group. A worker
would get a signal twice, and the second one means "expedite".
"""

import asyncio
import contextlib
import socket
from typing import Protocol

READY = b"r"
# Stop. The other workers stop as well, so during the drain, accept new connections and answer them with 503.
STOP = b"s"
# Stop. Another worker accepts new connections on the same socket.
HAND_OVER = b"d"
EXPEDITE = b"h"


class ControlledServer(Protocol):
    """The methods of a server that the control channel calls."""

    def begin_shutdown(self, *, hands_over: bool) -> None:
        """Start the shutdown."""

    def expedite(self) -> None:
        """Finish the shutdown, which has already started, without further waiting."""


class ControlChannel:
    """The worker's end of the channel. Use it on the event loop."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)

    def open(self, server: ControlledServer) -> None:
        """Tell the supervisor that the server is ready, and execute its commands from now on."""
        self._server = server
        asyncio.get_running_loop().add_reader(self._socket, self._read_commands)
        with contextlib.suppress(OSError):  # if the supervisor has died, the reader will see EOF
            self._socket.send(READY)

    def _read_commands(self) -> None:
        commands = _received(self._socket)
        if not commands:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._server.begin_shutdown(hands_over=True)  # frees the address for a new supervisor
        for command in commands:
            self._execute(bytes([command]))

    def _execute(self, command: bytes) -> None:
        if command == EXPEDITE:
            self._server.expedite()
            return
        self._server.begin_shutdown(hands_over=command == HAND_OVER)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(16)
    except ConnectionError:
        return b""
