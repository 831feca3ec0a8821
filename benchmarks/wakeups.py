"""Measure the CPU time of a wake-up, a message that one portal process sends to another over Redis.

.venv/bin/python benchmarks/wakeups.py --redis-url redis://HOST:6379/0 [--seconds 5] [--senders 32]

Each sender puts a message into the process's channel, through the portal's own layer, and sends the next one when the
message was received. One process sends and receives, so the figure is that of a round trip over one channel.
"""

import argparse
import asyncio
import os
import secrets
import sys
import time
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redis-url", required=True)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--senders", type=int, default=32)
    options = parser.parse_args()
    os.environ |= {"REDIS_URL": options.redis_url, "SECRET_KEY": secrets.token_urlsafe(64)}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    began = time.process_time()
    taken = asyncio.run(round_trips(options.seconds, options.senders))
    each = (time.process_time() - began) / taken
    print(f"{each * 1_000:.2f} ms of CPU for each message: {1 / each:,.0f} a second at most")


async def round_trips(seconds: float, senders: int) -> int:
    """Return how many messages were received within `seconds`."""
    from channels.layers import get_channel_layer

    layer = get_channel_layer()
    channel = await layer.new_channel()
    message = {"type": "benchmark", "id": 1, "ids": [1]}
    for _ in range(senders):
        await layer.send(channel, message)
    end, taken = time.monotonic() + seconds, 0
    sending: set[asyncio.Task[None]] = set()
    while time.monotonic() < end:
        await layer.receive(channel)
        taken += 1
        task = asyncio.create_task(layer.send(channel, message))
        sending.add(task)
        task.add_done_callback(sending.discard)
    await asyncio.gather(*sending)
    return taken


if __name__ == "__main__":
    main()
