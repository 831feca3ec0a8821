"""When many POSes connect to one process, look-ups run in batches; disconnected POSes leave no objects behind."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
import uvicorn
from websockets.asyncio.client import connect

from integrations.pos.access import admission, exchange
from integrations.pos.access.admission import HANDSHAKES_AT_ONCE
from integrations.pos.access.exchange import AUTHENTICATIONS_AT_ONCE
from integrations.relay.runtime import running
from integrations.services.rows.threads import Joined
from integrations.wire.asgi_types import Receive, Scope, Send
from portal.serving.http.protocol import DrainingState, HttpProtocol
from portal.serving.server import WebsocketProtocol
from tests.support.asgi_client import PosSocket, authenticate
from tests.support.backend_client import Pos, make_outlet
from tests.support.in_process import InProcess, recorded, until


@contextmanager
def counted(look_up: Joined[Any, Any]) -> Iterator[list[int]]:
    """Yield a list; each look-up appends the number of callers that it serves."""
    answered: list[int] = []
    answer = look_up._answer

    async def count(batch: dict[Any, list[Any]]) -> None:
        answered.append(sum(map(len, batch.values())))
        await answer(batch)

    with patch.object(look_up, "_answer", count):
        yield answered


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class AtTheEntryPoint(InProcess):
    async def test_many_concurrent_callers_are_authenticated_in_batches(self) -> None:
        outlet = await make_outlet()
        with counted(exchange._credentials) as answered:
            claims = [authenticate(outlet.handover.as_wire()) for _ in range(AUTHENTICATIONS_AT_ONCE + 40)]
            answers = await asyncio.gather(*claims)
        assert {answer.status for answer in answers} == {200}
        assert sum(answered) == AUTHENTICATIONS_AT_ONCE + 40
        assert max(answered) == AUTHENTICATIONS_AT_ONCE

    @pytest.mark.slow
    async def test_many_concurrent_connections_are_admitted_in_batches(self) -> None:
        outlet = await make_outlet()
        token = (await authenticate(outlet.handover.as_wire())).json()["AccessToken"]

        async def come_and_go() -> None:
            async with PosSocket(token) as pos:
                await pos.connect()

        with counted(admission._admissions) as answered:
            await asyncio.gather(*(come_and_go() for _ in range(HANDSHAKES_AT_ONCE + 40)))
        # The token of a handshake that was delayed because of many takeovers is looked up twice.
        assert sum(answered) >= HANDSHAKES_AT_ONCE + 40
        assert max(answered) == HANDSHAKES_AT_ONCE


class Leaving(InProcess):
    """A long-running server sees thousands of connections; their objects must not need the garbage collector."""

    async def test_a_disconnected_pos_leaves_nothing_in_the_relay(self) -> None:
        outlet = await make_outlet()
        with without_garbage_collection():
            async with await Pos.of(outlet) as pos:
                live = (await running()).registry.find(outlet.integration.pk)
                assert live is not None
                consumer = weakref.ref(live.socket)
                del live
                await pos.disconnect()
            await recorded()
            await until(lambda: consumer() is None)

    async def test_a_disconnected_pos_leaves_nothing_in_the_server(self) -> None:
        async def accept(_scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            await receive()

        config = uvicorn.Config(accept, ws=WebsocketProtocol, lifespan="off", log_config=None)
        config.load()
        state, made = DrainingState(), []

        def protocol() -> HttpProtocol:
            http = HttpProtocol(config=config, server_state=state, app_state={})
            made.append(weakref.ref(http))
            return http

        with without_garbage_collection():
            async with await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0) as server:
                port = server.sockets[0].getsockname()[1]
                async with connect(f"ws://127.0.0.1:{port}/"):
                    (socket,) = state.connections
                    gone = weakref.ref(socket)
                    assert made[0]() is None, (
                        "the HTTP protocol object is released when the connection becomes a websocket"
                    )
                    del socket
                await until(lambda: gone() is None)
