"""The periodic jobs of a server process: one line for each. The work itself is in `services`."""

from functools import partial

from django.conf import settings

from integrations.relay.chores import Chore
from integrations.services.bulk import worker as bulk
from integrations.services.notices import mailing, work
from integrations.services.overview.fleet import SAMPLE_EVERY, take_sample
from integrations.services.retention import tidying
from integrations.services.rows.shared_cache import forget_expired
from integrations.services.rows.threads import recorders

ALL: tuple[Chore, ...] = (
    Chore("notices", settings.NOTICE_INTERVAL, work.notice),
    Chore("webhooks", settings.NOTICE_INTERVAL, work.deliver, end=work.end_deliveries),
    Chore("alerts", settings.NOTICE_INTERVAL * 5, work.watch),
    Chore("bulk jobs", 10.0, bulk.look),
    Chore("bulk results and hand-over links", 60.0, bulk.tidy),
    Chore("samples", SAMPLE_EVERY.total_seconds(), partial(recorders.run, take_sample)),
    Chore("records", tidying.EVERY, tidying.turn),
    Chore("shared cache", 600, partial(recorders.run, forget_expired)),
    Chore("mail", settings.NOTICE_INTERVAL * 5, mailing.turn),
)
