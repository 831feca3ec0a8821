"""The periodic jobs of a server process: one line for each. The work itself is in `services`."""

from functools import partial

from integrations.relay.chores import Chore
from integrations.services.handover import links as handover_links
from integrations.services.notices import mailing, work
from integrations.services.overview.fleet import SAMPLE_EVERY, take_sample
from integrations.services.retention import tidying
from integrations.services.rows.shared_cache import forget_expired
from integrations.services.rows.threads import recorders


async def _expire_links() -> None:
    await recorders.run(handover_links.expire_links)


ALL: tuple[Chore, ...] = (
    Chore("notices", work.NOTICE_INTERVAL, work.notice),
    Chore("webhooks", work.NOTICE_INTERVAL, work.deliver, end=work.end_deliveries),
    Chore("alerts", work.NOTICE_INTERVAL * 5, work.watch),
    Chore("hand-over links", 60.0, _expire_links),
    Chore("samples", SAMPLE_EVERY.total_seconds(), partial(recorders.run, take_sample)),
    Chore("records", tidying.EVERY, tidying.turn),
    Chore("shared cache", 600, partial(recorders.run, forget_expired)),
    Chore("mail", work.NOTICE_INTERVAL * 5, mailing.turn),
)
