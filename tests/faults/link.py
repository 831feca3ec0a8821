"""A link between a POS and the portal that can drop all bytes silently, as a failed router does."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from tests.live.stack.servers import Credentials, Stack

CHUNK = 65_536


class Link:
    """Forwards bytes in both directions. After `go_quiet` it drops all bytes, and every socket stays open.

    After `heal` it forwards new connections again; the earlier ones stay quiet.
    """

    def __init__(self, stack: Stack) -> None:
        self._target = stack.port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)
        self._is_quiet = asyncio.Event()
        self._held: list[asyncio.StreamWriter] = []
        self.port = 0

    def start(self) -> None:
        self._thread.start()
        self.port = self._call(self._listen())

    def go_quiet(self) -> None:
        self._loop.call_soon_threadsafe(self._is_quiet.set)

    def heal(self) -> None:
        self._loop.call_soon_threadsafe(self._renew)

    def close(self) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def lead(self, outlet: Credentials) -> Credentials:
        """Return the credentials for a POS that connects through this link."""
        return replace(
            outlet,
            auth_url=f"http://127.0.0.1:{self.port}{urlsplit(outlet.auth_url).path}",
            websocket_url=f"ws://127.0.0.1:{self.port}/",
        )

    def _renew(self) -> None:
        self._is_quiet = asyncio.Event()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        quiet = self._is_quiet
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._held += [writer, far_writer]
        await asyncio.gather(_pump(reader, far_writer, quiet), _pump(far_reader, writer, quiet))

    async def _end(self) -> None:
        self._server.close()
        for writer in self._held:
            writer.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)


@contextmanager
def link_to(stack: Stack) -> Iterator[Link]:
    """Run a link to this server until the block ends."""
    link = Link(stack)
    link.start()
    try:
        yield link
    finally:
        link.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, quiet: asyncio.Event) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            if not quiet.is_set():
                writer.write(chunk)
                await writer.drain()
    if not quiet.is_set():
        writer.close()
