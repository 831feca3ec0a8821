"""Websocket frames on a bare socket, including frames that no library would send."""

import secrets
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.live.callers.clients import connect_unresponsive
from tests.live.stack.servers import Stack

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
CONTINUATION = 0x0
EMPTY_PING = b"\x89\x80\0\0\0\0"
EMPTY_PONG = b"\x8a\x80\0\0\0\0"
EMPTY_CONTINUATION = b"\x00\x80\0\0\0\0"


def frame(content: bytes, *, opcode: int = TEXT, is_last: bool = True) -> bytes:
    """Return one masked frame of a client."""
    mask = secrets.token_bytes(4)
    masked = bytes(byte ^ mask[position % 4] for position, byte in enumerate(content))
    return header(len(content), opcode=opcode, is_last=is_last) + mask + masked


def header(size: int, *, opcode: int = TEXT, is_last: bool = True) -> bytes:
    """Return the header of a client's frame, without the mask that follows it."""
    first = (0x80 if is_last else 0) | opcode
    if size < 126:
        return struct.pack("!BB", first, 0x80 | size)
    if size < 65_536:
        return struct.pack("!BBH", first, 0x80 | 126, size)
    return struct.pack("!BBQ", first, 0x80 | 127, size)


@contextmanager
def bare(stack: Stack, token: str) -> Iterator[socket.socket]:
    """Open a websocket on a bare socket."""
    with connect_unresponsive(stack, token) as connection:
        connection.settimeout(20)
        yield connection


def frames_of(connection: socket.socket, until: threading.Event | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield opcode and content of each frame from the server, until the connection ends or `until` is set."""

    def read(size: int) -> bytes:
        content = b""
        while len(content) < size and connection.fileno() >= 0:
            try:
                received = connection.recv(size - len(content))
            except TimeoutError:
                if until is None:
                    raise
                if not until.is_set():
                    continue
                received = b""
            except OSError:
                received = b""
            if not received:
                return b""
            content += received
        return content

    while len(start := read(2)) == 2:
        size = start[1] & 0x7F
        if size > 125:
            size = int.from_bytes(read(2 if size == 126 else 8), "big")
        yield start[0] & 0x0F, read(size)


def close_of(connection: socket.socket) -> tuple[int, str] | None:
    """Return the server's close code and reason; None if the connection ends without a close frame."""
    for opcode, content in frames_of(connection):
        if opcode == CLOSE:
            return int.from_bytes(content[:2], "big"), content[2:].decode()
    return None
