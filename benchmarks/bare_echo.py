"""The baseline for `relay.py`: send each HTTP request's body to a websocket, and return the answer.

It runs on the portal's own server with the portal's settings, but has no API keys, database, limits or queues.
`relay.py` starts it.
"""

import asyncio
import itertools
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

sockets: dict[str, Any] = {}
waiting: dict[str, asyncio.Future[str]] = {}
numbers = itertools.count()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    kinds = {"lifespan": lifespan, "websocket": websocket, "http": http}
    await kinds[scope["type"]](scope, receive, send)


async def lifespan(_scope: dict[str, Any], receive: Any, send: Any) -> None:
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


async def websocket(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    sockets[scope["path"]] = send
    while (message := await receive())["type"] == "websocket.receive":
        answer = message["text"]
        waiting.pop(json.loads(answer)["RequestID"]).set_result(answer)


async def http(scope: dict[str, Any], receive: Any, send: Any) -> None:
    body = (await receive())["body"].decode()
    number = str(next(numbers))
    future = waiting[number] = asyncio.get_running_loop().create_future()
    await sockets[scope["path"]]({"type": "websocket.send", "text": f'{{"RequestID": "{number}", "Payload": {body}}}'})
    answer = (await future).encode()
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def main() -> None:
    import django

    django.setup()
    from portal.serving.server import create_server

    server = create_server()
    server.config.app = application
    server.run(sockets=[socket.create_server(("127.0.0.1", int(sys.argv[1])))])


if __name__ == "__main__":
    main()
