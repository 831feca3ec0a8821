"""Carries out the acts on many outlets beside everything else: one daemon thread per process, one job at a time.

A thread of its own, because adopted secrets take a tenth of a second each and must hold nobody up. It ends with its
process at any moment: a job goes on elsewhere with the first step that is not written.
"""

import logging
import threading

from django.db import DatabaseError, InterfaceError, connection

from integrations.services.bulk import jobs as bulk_jobs
from integrations.services.handover import links as handover_links
from integrations.services.rows.threads import recorders

logger = logging.getLogger(__name__)
_lock = threading.Lock()
_is_at_work = False


def start() -> None:
    """Begin with what waits, unless this process is at it."""
    global _is_at_work  # noqa: PLW0603  (under the lock)
    with _lock:
        if _is_at_work:
            return
        _is_at_work = True
    threading.Thread(target=_work, name="bulk", daemon=True).start()


async def look() -> None:
    """Begin with what a process left that has ended: what was confirmed here is begun at once."""
    if await recorders.run(bulk_jobs.has_work):
        start()


async def tidy() -> None:
    """Forget results and links whose time is over."""
    await recorders.run(bulk_jobs.tidy)
    await recorders.run(handover_links.expire_links)


def _work() -> None:
    global _is_at_work  # noqa: PLW0603
    try:
        bulk_jobs.work()
    except (DatabaseError, InterfaceError) as error:
        logger.warning("The bulk jobs wait for the database (%s).", error)
    finally:
        connection.close()
        with _lock:
            _is_at_work = False
