"""The portal's POS protocol in idiomatic FastAPI and SQLAlchemy, for comparison. Run server.py DATABASE PORT."""

import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

DATABASE, PORT = sys.argv[1], int(sys.argv[2])
TOKEN_SECONDS = 300
KEY = secrets.token_bytes(32)

engine = create_async_engine(f"sqlite+aiosqlite:///{DATABASE}")
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class Outlet(Base):
    __tablename__ = "outlets"

    provider_outlet_id: Mapped[str] = mapped_column(primary_key=True)
    pos_remote_id: Mapped[str]
    secret_digest: Mapped[str]
    is_enabled: Mapped[bool]


class Claim(BaseModel):
    ProviderOutletID: str
    POSRemoteID: str
    AuthSecret: str


async def get_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


@app.post("/api/powerepos/v1/auth")
async def authenticate(claim: Claim, session: Annotated[AsyncSession, Depends(get_session)]) -> JSONResponse:
    outlet = await session.scalar(select(Outlet).where(Outlet.provider_outlet_id == claim.ProviderOutletID))
    digest = hashlib.sha256(claim.AuthSecret.encode()).hexdigest()
    if outlet is None or not hmac.compare_digest(digest, outlet.secret_digest):
        return JSONResponse({"ErrorMessage": "The auth secret was not valid!"}, status_code=401)
    if outlet.pos_remote_id != claim.POSRemoteID or not outlet.is_enabled:
        return JSONResponse({"ErrorMessage": "The outlet is not enabled for this POS."}, status_code=403)
    return JSONResponse({"AccessToken": issue(outlet.provider_outlet_id)})


@app.websocket("/")
async def connect(websocket: WebSocket, token: str) -> None:
    if read(token) is None:
        await websocket.close(1008)
        return
    await websocket.accept()
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass


def issue(outlet: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps([outlet, time.time() + TOKEN_SECONDS]).encode()).decode()
    return f"{payload}.{sign(payload)}"


def read(token: str) -> str | None:
    payload, _, signature = token.partition(".")
    if not hmac.compare_digest(signature, sign(payload)):
        return None
    outlet, expires = json.loads(base64.urlsafe_b64decode(payload))
    return outlet if expires > time.time() else None


def sign(payload: str) -> str:
    return hmac.new(KEY, payload.encode(), hashlib.sha256).hexdigest()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning", ws_ping_interval=30, ws_ping_timeout=20)
