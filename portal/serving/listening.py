"""The sockets that a server listens on."""

import errno
import socket
from dataclasses import dataclass
from typing import Any, Self


class CannotListen(Exception):
    """The address is taken, or is none of this machine's; the text says what to do."""


@dataclass(frozen=True)
class Address:
    """Where to listen, resolved."""

    family: int
    kind: int
    protocol: int
    place: Any

    @classmethod
    def of(cls, bound: socket.socket) -> Self:
        """Return the address of a bound socket, with the port that the kernel chose for a 0."""
        return cls(bound.family, bound.type, bound.proto, bound.getsockname())

    def bind(self, *, shared: bool = False) -> socket.socket:
        """Return a bound socket; `shared`: others may be bound beside it, and the kernel spreads the connections."""
        listener = socket.socket(self.family, self.kind, self.protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listener.bind(self.place)
        except (OSError, OverflowError):
            listener.close()
            raise
        return listener


def resolve(host: str, port: int) -> Address:
    """Return the address of a host and port. Raises CannotListen."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise CannotListen(f"Cannot listen on {host}: {error.strerror or error}.") from error
    return Address(family, kind, protocol, place)


def listen_alone(host: str, port: int) -> socket.socket:
    """Return a bound socket that nobody else's can stand beside. Raises CannotListen."""
    try:
        return resolve(host, port).bind()
    except (OSError, OverflowError) as error:
        raise CannotListen(_trouble(host, port, error)) from error


def _trouble(host: str, port: int, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use: stop what runs there, or choose another with --port."
    return f"Cannot listen on {host}:{port}: {error}."
