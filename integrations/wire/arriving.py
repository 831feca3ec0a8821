"""What has begun to arrive and is not whole, by address: one address cannot hold more than its share."""

from collections.abc import Callable

from integrations.text.client_address import network_of

Give = Callable[[], None]


class Arriving:
    """Counts what is half-sent. Where one address has too much, its oldest is asked to give way."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._entries: dict[str, dict[Give, int]] = {}

    def weigh(self, address: str, give_way: Give, size: int) -> None:
        """Note how many bytes one has now; call the oldest ones' `give_way` while its address has too much.

        The last one of an address stays: its own limit bounds it.
        """
        entries = self._entries.setdefault(network_of(address), {})
        entries[give_way] = size
        while len(entries) > 1 and (len(entries) > self._most or sum(entries.values()) > self._most_bytes):
            oldest = next(iter(entries))
            del entries[oldest]
            oldest()

    def forget(self, address: str, give_way: Give) -> None:
        """Note that one is whole, or gone."""
        network = network_of(address)
        entries = self._entries.get(network, {})
        entries.pop(give_way, None)
        if not entries:
            self._entries.pop(network, None)
