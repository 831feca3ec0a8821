"""Limits the number and the total size of the unfinished requests from each address."""

from collections.abc import Callable

from integrations.text.client_address import network_of

Give = Callable[[], None]


class Arriving:
    """Counts unfinished requests. If an address has too many, its oldest must give way."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._entries: dict[str, dict[Give, int]] = {}

    def weigh(self, address: str, give_way: Give, size: int) -> None:
        """Note a request's size so far. While the address exceeds a limit, call the `give_way` of its oldest request.

        The last remaining request of an address is never ended here, because a separate limit bounds its size.
        """
        entries = self._entries.setdefault(network_of(address), {})
        entries[give_way] = size
        while len(entries) > 1 and (len(entries) > self._most or sum(entries.values()) > self._most_bytes):
            oldest = next(iter(entries))
            del entries[oldest]
            oldest()

    def forget(self, address: str, give_way: Give) -> None:
        """Note that a request is complete or has been abandoned."""
        network = network_of(address)
        entries = self._entries.get(network, {})
        entries.pop(give_way, None)
        if not entries:
            self._entries.pop(network, None)
