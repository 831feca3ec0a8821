"""A TCP load balancer that sends new connections to the servers that are ready."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from tests.live.stack.servers import Stack

POLL_INTERVAL = 0.1  # seconds
READY = b"HTTP/1.1 200"


class Balancer:
    """Asks each server's /readyz, and gives new connections to those that are ready, in turn."""

    def __init__(self, servers: Sequence[Stack]) -> None:
        self._ports = [server.port for server in servers]
        self._ready: list[int] = []
        self._turn = count()
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready(self) -> list[int]:
        """The ports of the servers that were ready at the last poll."""
        return list(self._ready)

    async def start(self) -> None:
        """Listen, poll the servers once, and continue to poll them in the background."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0, backlog=1000)
        self.port = self._server.sockets[0].getsockname()[1]
        await self._poll()
        self._polling = asyncio.create_task(self._poll_forever())

    async def stop(self) -> None:
        """Close all connections."""
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the loop frees closed transports in its next iteration

    async def _poll_forever(self) -> None:
        while True:
            await asyncio.sleep(POLL_INTERVAL)
            await self._poll()

    async def _poll(self) -> None:
        answers = await asyncio.gather(*map(_is_ready, self._ports))
        self._ready = [port for port, is_ready in zip(self._ports, answers, strict=True) if is_ready]

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ports = self._ready or self._ports
        port = ports[next(self._turn) % len(ports)]
        try:
            await _join(reader, writer, port)
        finally:
            writer.close()


@contextmanager
def balancer_before(servers: Sequence[Stack]) -> Iterator[Balancer]:
    """Run a balancer in a separate thread until the block ends."""
    balancer, loop = Balancer(servers), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="balancer", daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(balancer.start(), loop).result(10)
    try:
        yield balancer
    finally:
        asyncio.run_coroutine_threadsafe(balancer.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _is_ready(port: int) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                return (await reader.readline()).startswith(READY)
            finally:
                writer.close()
    return False


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    with contextlib.suppress(OSError):
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(_pipe(reader, there_writer), _pipe(there_reader, writer))
        finally:
            there_writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
