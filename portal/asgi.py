"""The ASGI application, for `serve` and for any other ASGI server.

proxy headers -> lifespan   starts and stops the runtime of this process
                 http       the POS's auth endpoint, the backend's API, the probes, else Django's pages
                 websocket  the POS's socket at the root, else refused
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django

django.setup(set_prefix=False)  # before any import that needs the models

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from integrations.backend.backend_http import BackendHttp  # noqa: E402
from integrations.pos.routing import PosHttp, sockets  # noqa: E402
from integrations.recipient.openings import RecipientHttp  # noqa: E402
from integrations.relay import runtime  # noqa: E402
from integrations.wire.asgi_types import App  # noqa: E402
from portal.serving import chores  # noqa: E402
from portal.serving.daphne import adapt_daphne  # noqa: E402
from portal.serving.lifespan import lifespan  # noqa: E402
from portal.serving.probes import Probes  # noqa: E402
from portal.web import browser_policy  # noqa: E402
from portal.web.pages import PageHandler  # noqa: E402
from portal.web.proxies import ProxyHeaders  # noqa: E402
from portal.web.statements import bound_statements  # noqa: E402
from portal.web.unanswered import Unanswered, database_answers  # noqa: E402

runtime.set_chores(chores.ALL)
adapt_daphne()
bound_statements()
pages: App = RecipientHttp(PageHandler(), headers=browser_policy.HEADERS)
if connection.vendor == "postgresql":  # not for SQLite: a local file does not become unresponsive
    pages = Unanswered(pages, database_answers)
http = PosHttp(BackendHttp(Probes(pages)))
protocols = ProtocolTypeRouter({"lifespan": lifespan, "http": http, "websocket": sockets})
# Without a trusted proxy, X-Forwarded-For and X-Forwarded-Proto are ignored.
application: App = (
    ProxyHeaders(protocols, trusted=settings.TRUSTED_PROXIES, scheme="https" if settings.IS_PUBLIC_HTTPS else "http")
    if settings.TRUSTED_PROXIES
    else protocols
)
