"""Callers that send a request, wait for the answer and send the next, with an HTTP client that costs little CPU."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Figures:
    """Round trips per second, latencies in milliseconds, and the server's CPU milliseconds for each round trip."""

    rate: float
    p50: float
    p99: float
    longest: float = 0.0
    count: int = 0
    cpu: float = 0.0

    @classmethod
    def of(cls, latencies: Sequence[float], seconds: float) -> "Figures":
        """Return the figures of one round, given its latencies and its duration, both in seconds."""
        cuts = statistics.quantiles(latencies, n=100)
        longest = max(latencies) * 1000
        return cls(len(latencies) / seconds, cuts[49] * 1000, cuts[98] * 1000, longest, len(latencies))

    @classmethod
    def median(cls, rounds: Sequence["Figures"]) -> "Figures":
        """Return the median of each figure over the rounds."""
        return cls(*(statistics.median(getattr(each, field.name) for each in rounds) for field in fields(cls)))


async def measure(port: int, requests: Sequence[bytes], callers: int, seconds: float) -> Figures:
    """Return the figures of callers that each repeat one request for `seconds`. Raises RuntimeError on a refusal."""
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(callers)]
    began = time.perf_counter()
    tasks = [
        _ask_until(began + seconds, *connection, requests[number % len(requests)])
        for number, connection in enumerate(connections)
    ]
    latencies = [each for one in await asyncio.gather(*tasks) for each in one]
    took = time.perf_counter() - began
    for _, writer in connections:
        writer.close()
    return Figures.of(latencies, took)


def http_request(path: str, body: bytes, headers: str = "") -> bytes:
    """Return the bytes of a POST request. Each line of `headers` ends with CRLF."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _ask_until(
    end: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> list[float]:
    latencies = []
    while (began := time.perf_counter()) < end:
        writer.write(request)
        await _read_answer(reader)
        latencies.append(time.perf_counter() - began)
    return latencies


async def _read_answer(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"refused: {head.splitlines()[0].decode()} {body.decode()}")
