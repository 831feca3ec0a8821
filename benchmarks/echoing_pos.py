"""Websocket clients that send the payload of each frame back. `relay.py` starts them in a separate process.

The process reads one address from each line of standard input, up to an empty line. It prints "ready" when all
connections are open, and ends when standard input ends.
"""

import asyncio
import json
import sys

import uvloop
from websockets.asyncio.client import ClientConnection, connect


async def main() -> None:
    addresses = [line.strip() for line in iter(sys.stdin.readline, "\n")]
    connections = await asyncio.gather(*(open_socket(address) for address in addresses))
    print("ready", flush=True)
    tasks = [asyncio.create_task(echo(connection)) for connection in connections]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in tasks:
        task.cancel()


async def open_socket(address: str) -> ClientConnection:
    return await connect(address, compression=None, proxy=None, ping_interval=None)


async def echo(connection: ClientConnection) -> None:
    async for frame in connection:
        request = json.loads(frame)
        answer = {
            "RequestID": request["RequestID"],
            "ResultCode": 0,
            "ErrorMessage": None,
            "MessageType": request.get("MessageType"),
            "Payload": request["Payload"],
        }
        await connection.send(json.dumps(answer))


if __name__ == "__main__":
    uvloop.run(main())
