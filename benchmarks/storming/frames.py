"""Writes and reads the HTTP and websocket messages of the storm's POSes. Uses little CPU. Pure: bytes in, bytes out."""

AUTH_PATH = "/api/powerepos/v1/auth"
PING, PONG = 0x9, 0xA
FINAL, MASKED = 0x80, 0x80
MASK = b"\0\0\0\0"  # masking by zeros leaves the payload unchanged
# A payload of this many bytes or more needs a longer frame header. The payload of a ping is always shorter.
SHORT = 126


def http_post(body: bytes) -> bytes:
    """Return the bytes of an authentication request."""
    head = f"POST {AUTH_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def handshake(token: str) -> bytes:
    """Return the request that opens the websocket."""
    return (
        f"GET /?token={token} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def whole_answer(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Return the status and the body of the first answer, and the data after it; None if the answer is incomplete."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    status = int(head[9:12])
    if status == 101:
        return status, b"", rest
    _, _, tail = head.lower().partition(b"content-length:")
    length = int(tail.partition(b"\r\n")[0])
    return (status, rest[:length], rest[length:]) if len(rest) >= length else None


def pongs_for(data: bytes) -> tuple[bytes, bytes]:
    """Return the pongs for all pings in the server's data, and the incomplete frame at the end of the data."""
    pongs = b""
    while len(data) >= 2 and len(data) >= 2 + data[1]:
        length = data[1]
        if length >= SHORT:
            raise ValueError("only short frames are expected of an idle server")
        if data[0] & 0x0F == PING:
            pongs += bytes([FINAL | PONG, MASKED | length]) + MASK + data[2 : 2 + length]
        data = data[2 + length :]
    return pongs, data
