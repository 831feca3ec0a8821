"""The background work of each server process: the recorder, the watcher, the lease.

The first ASGI call starts it, because daphne does not support lifespan. `serve` or the interpreter's exit ends it.
"""

import asyncio
import atexit
import contextlib
import logging
import uuid
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import DatabaseError, InterfaceError

from integrations.relay.chore_runner import Chore, Chores
from integrations.relay.delivery.dispatcher import Dispatcher
from integrations.relay.delivery.transient_requests import TransientRequests
from integrations.relay.records.recorder import Recorder
from integrations.relay.sockets.registry import Registry
from integrations.relay.wakeups import Wakeups
from integrations.relay.watch import process_lease
from integrations.relay.watch.watcher import Watcher
from integrations.services import metrics, wake
from integrations.services.futures import error_of
from integrations.services.rows.threads import READ_SECONDS, recorders, within

Done = TypeVar("Done")
logger = logging.getLogger(__name__)


class Runtime:
    """The background work of this process. There is one Runtime per process."""

    def __init__(self, process_id: uuid.UUID, chores: Iterable[Chore]) -> None:
        self.process_id = process_id
        self.registry = Registry()
        self.recorder = Recorder(process_id)
        self.wakeups = Wakeups()
        self.dispatcher = Dispatcher(self.registry, process_id, self.wakeups)
        self.transient_requests = TransientRequests(self.registry, self.recorder)
        self.watcher = Watcher(process_id, self.registry, self.recorder, self.dispatcher)
        self.chores = Chores(process_id, chores)
        self.is_leaving = False  # whether the process reports that it is not ready, but still serves requests
        self.is_draining = False
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self._listener: asyncio.Task[None] | None = None

    @property
    def has_layer(self) -> bool:
        """Whether a channel layer connects the processes."""
        return self._listener is not None

    @property
    def is_layer_away(self) -> bool:
        """Whether there is a channel layer that this process currently cannot reach."""
        return self.has_layer and self.transient_requests.channel is None

    def start(self) -> None:
        """Start recording, watching and listening for wake-ups."""
        self._tasks = [asyncio.create_task(self.recorder.run()), asyncio.create_task(self.watcher.run())]
        self.chores.start()
        if not isinstance(get_channel_layer(), InMemoryChannelLayer | None):
            self._listener = asyncio.create_task(self._listen_to_others())
        wake.listen(self._changed)
        atexit.register(self._end_without_loop)

    async def stop(self) -> None:
        """Stop the background work, write the remaining records and release the lease."""
        wake.forget(self._changed)
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await self.chores.stop()
        self.watcher.end()
        self.recorder.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.transient_requests.stop()
        await self.dispatcher.stop()
        await self.wakeups.stop()
        await self.recorder.flush()
        with contextlib.suppress(DatabaseError, InterfaceError):
            await recorders.run(process_lease.end_lease, self.process_id)
        atexit.unregister(self._end_without_loop)

    def run_from_thread(self, work: Coroutine[Any, Any, Done], seconds: float) -> Done:
        """Run `work` on the event loop and return its result. Call this from a thread other than the loop's.

        Raises TimeoutError after `seconds`.
        """
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def _changed(self, integration_id: int) -> None:
        """Wake this process's watcher and the other processes. Called in the thread that committed the change."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, so there is nothing to wake
            self._loop.call_soon_threadsafe(self.watcher.poll_now)
            self._loop.call_soon_threadsafe(self.wakeups.send, wake.CHANGED, (integration_id,))

    async def _listen_to_others(self) -> None:
        """Handle the wake-ups of other processes until cancelled."""
        while True:
            try:
                await self._receive_wakeups()
            except Exception as error:  # noqa: BLE001  (the layer can fail in any way; the rows remain)
                self.transient_requests.channel = None
                metrics.layer_losses.inc()
                metrics.layer_away.set(1)
                details = {"error": str(error) or "no answer"}
                logger.warning("Channel layer unavailable; polling the database instead.", extra=details)
                await asyncio.sleep(1)

    async def _receive_wakeups(self) -> None:
        layer: Any = get_channel_layer()
        channel = await layer.new_channel("process")
        loop = asyncio.get_running_loop()
        joined_at = -GROUP_RENEWAL
        while True:
            if loop.time() - joined_at >= GROUP_RENEWAL:
                async with asyncio.timeout(JOIN_SECONDS):
                    await layer.group_add(wake.GROUP, channel)
                self.transient_requests.channel = channel
                metrics.layer_away.set(0)
                joined_at = loop.time()
            message = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GROUP_RENEWAL):
                    message = await layer.receive(channel)
            if message is not None:
                await self._woken(message)

    async def _woken(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case wake.QUEUED:
                for integration_id in message.get("ids", [message["id"]]):  # the previous version sends no `ids`
                    self.dispatcher.queued(integration_id)
            case wake.ENDED:
                await self.dispatcher.ended(message["ids"])
            case wake.ASK:
                self.transient_requests.handle_ask(message)
            case wake.ANSWERED:
                self.transient_requests.handle_reply(message)
            case _:
                self.watcher.poll_now()

    def _end_without_loop(self) -> None:
        """Write the last records at the interpreter's exit, because daphne ends its loop without notice."""
        try:
            self.recorder.write_last()
            process_lease.end_lease(self.process_id)
        except Exception as error:  # noqa: BLE001  (no caller could handle it, and the lease will expire)
            logger.warning("The last records could not be written.", extra={"error": str(error)})


JOIN_SECONDS = 2.0
# Seconds between two renewals of this process's membership in the layer's group. After a flush of Redis, transient
# requests cannot reach this process until the next renewal.
GROUP_RENEWAL = 5.0

_runtime: Runtime | None = None
_starting: asyncio.Task[Runtime] | None = None
_chores: tuple[Chore, ...] = ()


def set_chores(chores: Iterable[Chore]) -> None:
    """Set the chores of each runtime that this process starts from now on."""
    global _chores  # noqa: PLW0603  (one runtime per process is the point)
    _chores = tuple(chores)


async def running() -> Runtime:
    """Return this process's runtime; start it if necessary.

    Raises the database's error if the database is unavailable, and DatabaseUnresponsive if the start takes longer than
    READ_SECONDS. The start then continues in the background.
    """
    if _runtime is not None:
        return _runtime
    start_soon()
    if _starting is None:
        raise RuntimeError("The runtime neither runs nor starts.")
    return await within(READ_SECONDS, asyncio.shield(_starting))


def start_soon() -> None:
    """Start the runtime in the background, unless it is running or starting.

    Called at each HTTP request, because daphne does not announce its own start.
    """
    global _starting  # noqa: PLW0603  (one runtime per process is the point)
    if _runtime is None and (_starting is None or _starting.done()):
        _starting = asyncio.create_task(_start_runtime())
        _starting.add_done_callback(_log_error)


def current() -> Runtime | None:
    """Return the runtime, or None if it is not running."""
    return _runtime


async def stop() -> None:
    """Stop the runtime if it runs; the next `running()` starts another."""
    global _runtime
    ending, _runtime = _runtime, None
    if ending is not None:
        await ending.stop()


def _log_error(starting: "asyncio.Task[Runtime]") -> None:
    # Only log the error, because this start may have no caller. A caller that waits for the start in `running` gets the
    # error there.
    if error := error_of(starting):
        details = {"error": str(error)}
        logger.warning("Start failed because the database is unavailable; the next call retries.", extra=details)


async def _start_runtime() -> Runtime:
    global _runtime  # noqa: PLW0603
    runtime = Runtime(await recorders.run(process_lease.begin_lease), _chores)
    runtime.start()
    _runtime = runtime
    return runtime
