"""What runs beside the sockets in each server process: the recorder, the watcher, the lease.

Started by the first ASGI call (daphne knows no lifespan), ended by `serve`, or at the interpreter's exit.
"""

import asyncio
import atexit
import contextlib
import logging
import uuid
from collections.abc import Iterable
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import DatabaseError, InterfaceError

from integrations.relay.chores import Chore, Chores
from integrations.relay.delivery.dispatcher import Dispatcher
from integrations.relay.delivery.transient_requests import TransientRequests
from integrations.relay.records.recorder import Recorder
from integrations.relay.sockets.registry import Registry
from integrations.relay.wakeups import Wakeups
from integrations.relay.watch import process_lease
from integrations.relay.watch.watcher import Watcher
from integrations.services import metrics, wake
from integrations.services.rows.threads import READ_SECONDS, recorders, within

logger = logging.getLogger(__name__)


class Runtime:
    """One per process."""

    def __init__(self, process_id: uuid.UUID, chores: Iterable[Chore]) -> None:
        self.process_id = process_id
        self.registry = Registry()
        self.recorder = Recorder(process_id)
        self.wakeups = Wakeups()
        self.dispatcher = Dispatcher(self.registry, process_id, self.wakeups)
        self.transient_requests = TransientRequests(self.registry, self.recorder)
        self.watcher = Watcher(process_id, self.registry, self.recorder, self.dispatcher)
        self.chores = Chores(process_id, chores)
        self.is_leaving = False  # not ready any more, and serving still
        self.is_draining = False
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self._listener: asyncio.Task[None] | None = None

    @property
    def has_layer(self) -> bool:
        """Whether there is a channel layer between processes."""
        return self._listener is not None

    @property
    def is_layer_away(self) -> bool:
        """Whether this process does not reach that layer just now."""
        return self.has_layer and self.transient_requests.channel is None

    def start(self) -> None:
        """Begin to record, to watch and to listen for wake-ups."""
        self._tasks = [asyncio.create_task(self.recorder.run()), asyncio.create_task(self.watcher.run())]
        self.chores.start()
        if not isinstance(get_channel_layer(), InMemoryChannelLayer | None):
            self._listener = asyncio.create_task(self._listen_to_others())
        wake.listen(self._changed)
        atexit.register(self._end_without_loop)

    async def stop(self) -> None:
        """Write what is left and give the lease back."""
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

    def _changed(self, integration_id: int) -> None:
        """Called in the thread that committed."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to be woken
            self._loop.call_soon_threadsafe(self.watcher.look_now)
            self._loop.call_soon_threadsafe(self.wakeups.send, wake.CHANGED, (integration_id,))

    async def _listen_to_others(self) -> None:
        """Wake the watcher whenever another process says that something changed."""
        while True:
            try:
                await self._receive_wakeups()
            except Exception as error:  # noqa: BLE001  (the layer may be away for any reason; the rows remain)
                self.transient_requests.channel = None
                metrics.layer_losses.inc()
                metrics.layer_away.set(1)
                reason = error or "no answer"
                logger.warning("The channel layer is away (%s); this process polls the database instead.", reason)
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
                for integration_id in message.get("ids", [message["id"]]):  # the version before this one sends no `ids`
                    self.dispatcher.queued(integration_id)
            case wake.ENDED:
                await self.dispatcher.ended(message["ids"])
            case wake.ASK:
                self.transient_requests.asked(message)
            case wake.TOLD:
                self.transient_requests.told(message)
            case _:
                self.watcher.look_now()

    def _end_without_loop(self) -> None:
        """Flush at the interpreter's exit: daphne ends its loop without a word to the application."""
        try:
            self.recorder.write_last()
            process_lease.end_lease(self.process_id)
        except Exception as error:  # noqa: BLE001  (nothing above could handle it; the lease runs out by itself)
            logger.warning("The last records could not be written (%s).", error)


JOIN_SECONDS = 2.0
GROUP_RENEWAL = 5.0  # seconds; a Redis that was flushed knows no member, and until then no poll finds its POS

_runtime: Runtime | None = None
_starting: asyncio.Task[Runtime] | None = None
_chores: tuple[Chore, ...] = ()


def set_chores(chores: Iterable[Chore]) -> None:
    """Name what each runtime that this process starts from now on does at intervals."""
    global _chores  # noqa: PLW0603  (one runtime per process is the point)
    _chores = tuple(chores)


async def running() -> Runtime:
    """Return this process's runtime, started if need be.

    Raises the database's error while that is away, and DatabaseUnresponsive when the start takes READ_SECONDS; it then
    goes on in the background.
    """
    if _runtime is not None:
        return _runtime
    start_soon()
    if _starting is None:
        raise RuntimeError("The runtime neither runs nor starts.")
    return await within(READ_SECONDS, asyncio.shield(_starting))


def start_soon() -> None:
    """Begin to start the runtime if nothing has yet: for servers that do not say when they start (daphne)."""
    global _starting  # noqa: PLW0603  (one runtime per process is the point)
    if _runtime is None and (_starting is None or _starting.done()):
        _starting = asyncio.create_task(_start())
        _starting.add_done_callback(_read_error)


def current() -> Runtime | None:
    """Return the runtime if it runs."""
    return _runtime


async def stop() -> None:
    """Stop the runtime if it runs; the next `running()` starts another."""
    global _runtime
    ending, _runtime = _runtime, None
    if ending is not None:
        await ending.stop()


def _read_error(starting: "asyncio.Task[Runtime]") -> None:
    # Whoever needs the runtime meets the error at its own start; this one was nobody's.
    if not starting.cancelled() and (error := starting.exception()):
        logger.warning("The database is away (%s); whoever finds it back goes on.", error)


async def _start() -> Runtime:
    global _runtime  # noqa: PLW0603
    runtime = Runtime(await recorders.run(process_lease.begin_lease), _chores)
    runtime.start()
    _runtime = runtime
    return runtime
