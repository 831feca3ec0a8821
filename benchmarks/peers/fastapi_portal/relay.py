"""A relay in idiomatic FastAPI and aiosqlite, for comparison with the portal. Run it as relay.py DATABASE PORT.

A durable request costs one insert before its frame is sent and one update before the caller gets the answer.
"""

import asyncio
import hashlib
import hmac
import json
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import aiosqlite
import uvicorn
from fastapi import FastAPI, Header, HTTPException, WebSocket, WebSocketDisconnect
from pydantic import BaseModel

DATABASE, PORT = sys.argv[1], int(sys.argv[2])
KEY_DIGEST = hashlib.sha256(b"benchmark").hexdigest()
ANSWER_SECONDS = 30

sockets: dict[str, WebSocket] = {}
waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}


class Order(BaseModel):
    message_type: int
    device_id: str
    payload: dict[str, Any]
    durable: bool = True


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with aiosqlite.connect(DATABASE) as database:
        await database.execute("PRAGMA journal_mode = WAL")
        await database.execute("CREATE TABLE requests (id TEXT PRIMARY KEY, outlet TEXT, payload TEXT, answer TEXT)")
        app.state.database = database
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/outlets/{outlet}/requests")
async def send(outlet: str, order: Order, authorization: Annotated[str, Header()]) -> dict[str, Any]:
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
    if not hmac.compare_digest(digest, KEY_DIGEST):
        raise HTTPException(401, "The API key is unknown.")
    if outlet not in sockets:
        raise HTTPException(409, "The POS is offline.")
    request_id = str(uuid.uuid4())
    if order.durable:
        values = (request_id, outlet, json.dumps(order.payload))
        await app.state.database.execute("INSERT INTO requests (id, outlet, payload) VALUES (?, ?, ?)", values)
        await app.state.database.commit()
    answer = await ask(outlet, request_id, order)
    if order.durable:
        values = (json.dumps(answer), request_id)
        await app.state.database.execute("UPDATE requests SET answer = ? WHERE id = ?", values)
        await app.state.database.commit()
    return {"request_id": request_id, "result_code": answer["ResultCode"], "payload": answer["Payload"]}


async def ask(outlet: str, request_id: str, order: Order) -> dict[str, Any]:
    future = waiting[request_id] = asyncio.get_running_loop().create_future()
    frame = {"RequestID": request_id, "MessageType": order.message_type, "Payload": order.payload}
    try:
        await sockets[outlet].send_text(json.dumps(frame))
        async with asyncio.timeout(ANSWER_SECONDS):
            return await future
    finally:
        del waiting[request_id]


@app.websocket("/{outlet}")
async def connect(websocket: WebSocket, outlet: str) -> None:
    await websocket.accept()
    sockets[outlet] = websocket
    try:
        while True:
            answer = await websocket.receive_json()
            if (future := waiting.get(answer["RequestID"])) and not future.done():
                future.set_result(answer)
    except WebSocketDisconnect:
        sockets.pop(outlet, None)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
