"""The periodic jobs of a server process: one line for each. The work itself is in `services`."""

from functools import partial

from integrations.relay.chore_runner import Chore
from integrations.services.handover import links as handover_links
from integrations.services.notices import mailing, notice_chores
from integrations.services.overview.fleet_state import SAMPLE_EVERY, take_sample
from integrations.services.retention import tidying
from integrations.services.rows.shared_cache import forget_expired
from integrations.services.rows.threads import recorders


async def _expire_links() -> None:
    await recorders.run(handover_links.expire_links)


ALL: tuple[Chore, ...] = (
    Chore("notices", notice_chores.NOTICE_INTERVAL, notice_chores.notice),
    Chore("webhooks", notice_chores.NOTICE_INTERVAL, notice_chores.deliver, end=notice_chores.end_deliveries),
    Chore("alerts", notice_chores.NOTICE_INTERVAL * 5, notice_chores.watch),
    Chore("hand-over links", 60.0, _expire_links),
    Chore("samples", SAMPLE_EVERY.total_seconds(), partial(recorders.run, take_sample)),
    Chore("records", tidying.EVERY, tidying.run),
    Chore("shared cache", 600, partial(recorders.run, forget_expired)),
    Chore("mail", notice_chores.NOTICE_INTERVAL * 5, mailing.send_due),
)
