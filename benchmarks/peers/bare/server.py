"""The fastest possible program on the portal's own server: it always returns the same token and accepts every socket.

No database, no check, no record. `benchmarks/storm.py` starts it.
"""

import os
import socket
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

BODY = b'{"AccessToken":"a-token-that-is-the-same-for-everybody-and-as-long-as-a-real-one-0123456789"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    kinds = {"lifespan": lifespan, "websocket": websocket, "http": http}
    await kinds[scope["type"]](scope, receive, send)


async def lifespan(_scope: dict[str, Any], receive: Any, send: Any) -> None:
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})


async def websocket(_scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] == "websocket.receive":
        pass


async def http(_scope: dict[str, Any], receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def main() -> None:
    import django

    django.setup()
    from portal.serving.server import create_server, duplicate_listener, raise_file_limit

    raise_file_limit()
    server = create_server()
    server.config.app = application
    server.run(sockets=duplicate_listener(socket.create_server(("127.0.0.1", int(sys.argv[1])))))


if __name__ == "__main__":
    main()
