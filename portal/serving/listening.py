"""Opens the sockets that a server listens on."""

import errno
import socket
from dataclasses import dataclass
from typing import Any, Self


class CannotListen(Exception):
    """The address is in use or does not belong to this machine. The text says what to do."""


@dataclass(frozen=True)
class Address:
    """A resolved address to listen on."""

    family: int
    kind: int
    protocol: int
    socket_name: Any

    @classmethod
    def of(cls, bound: socket.socket) -> Self:
        """Return the address of a bound socket, with the port that the kernel chose if it was bound to port 0."""
        return cls(bound.family, bound.type, bound.proto, bound.getsockname())

    def bind(self, *, shared: bool = False) -> socket.socket:
        """Return a bound socket. If `shared`, other sockets can bind its port; the kernel spreads connections."""
        listener = socket.socket(self.family, self.kind, self.protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listener.bind(self.socket_name)
        except (OSError, OverflowError):
            listener.close()
            raise
        return listener


def resolve(host: str, port: int) -> Address:
    """Return the address of a host and port. Raises CannotListen."""
    try:
        family, kind, protocol, _, socket_name = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise CannotListen(f"Cannot listen on {host}: {error.strerror or error}.") from error
    return Address(family, kind, protocol, socket_name)


def listen_exclusively(host: str, port: int) -> socket.socket:
    """Return a bound socket whose port no other socket can share. Raises CannotListen."""
    try:
        return resolve(host, port).bind()
    except (OSError, OverflowError) as error:
        raise CannotListen(_bind_error_text(host, port, error)) from error


def _bind_error_text(host: str, port: int, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use. Stop the program that uses it, or choose another port with --port."
    return f"Cannot listen on {host}:{port}: {error}."
