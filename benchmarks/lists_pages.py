"""Makes the queries that benchmarks/lists.py measures: the portal's pages for two users, and the API's lists."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from html import unescape
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from lists_seed import RARE_TYPE

from integrations.backend.base.api_key_authentication import Caller
from integrations.backend.connections.rows import attempts_page, connections_page
from integrations.backend.handover.rows import links_page
from integrations.backend.notices import deliveries, webhook_endpoints
from integrations.backend.notices import rows as events
from integrations.backend.organisations import rows as organisations
from integrations.backend.outlets import rows as outlets
from integrations.backend.requests import rows as requests
from integrations.models import (
    ApiKey,
    AuditEvent,
    AuthAttempt,
    Connection,
    Delivery,
    Integration,
    Organisation,
    Outlet,
    Request,
    UnrecognisedFrame,
    WebhookEndpoint,
)
from integrations.staff.signing_in.sessions import REFRESH
from integrations.wire.plain_http import PlainRequest
from tests.support.signing_in import prove

Ask = Callable[[], int]  # returns the number of rows
Questions = Iterator[tuple[str, dict[str, Any]]]
Calls = Iterator[tuple[str, Callable[[Caller, PlainRequest], Any], dict[str, str]]]
LISTS = (
    "organisation", "outlet", "handoverlink", "request", "apikey", "messagetype", "alert",
    "webhookendpoint", "delivery", "connection", "authattempt", "unrecognisedframe", "auditevent",
)  # fmt: skip
REFRESHED = ("first page", "outlets", "page of one outlet", "check of one outlet")
OF_AN_OUTLET = {"connections": connections_page, "attempts": attempts_page, "hand-over links": links_page}
WITH_SECOND_PAGE = ("outlet", "request", "delivery", "connection", "authattempt", "unrecognisedframe", "auditevent")


def pages() -> dict[str, Ask]:
    """Return the queries by name. The names are the same for the small and the large database."""
    found: dict[str, Ask] = {}
    for name in ("administrator", "limited"):
        client, person = Client(headers={"host": "127.0.0.1"}), User.objects.get(username=name)
        client.force_login(person)
        prove(client, person)
        chain = Organisation.objects.order_by("pk")[2]
        urls = dict(_urls(client, chain))
        found |= {f"{name}: {what}": _page(client, url) for what, url in urls.items()}
        found |= {f"{name}: refresh of {what}": _page(client, urls[what], **{REFRESH: "yes"}) for what in REFRESHED}
    return found | dict(_calls())


def _page(client: Client, url: str, **headers: str) -> Ask:
    def ask() -> int:
        answer = client.get(url, headers=headers)
        if answer.status_code != 200:
            raise SystemExit(f"{url} answered {answer.status_code}")
        return answer.content.count(b"<tr")

    return ask


def _urls(client: Client, chain: Organisation) -> Iterator[tuple[str, str]]:
    yield "first page", reverse("admin:index")
    yield "people", reverse("admin:auth_user_changelist")
    for name in LISTS:
        yield f"{name}s", _list(name)
    for name in WITH_SECOND_PAGE:
        yield f"{name}s, second page", _second(client, _list(name))
    for what, parameters in _request_questions(chain):
        yield f"requests, {what}", f"{_list('request')}?{urlencode(parameters)}"
    for name, what, parameters in _other_questions(chain):
        yield f"{name}s, {what}", f"{_list(name)}?{urlencode(parameters)}"
    outlet = Integration.objects.filter(outlet__organisation=chain).order_by("pk")[0]
    for what, text in _outlet_searches(outlet):
        yield f"search on every page for {what}", f"{reverse('admin:search')}?{urlencode({'q': text})}"
    yield from _rows_of(chain)
    yield "check of one outlet", reverse("admin:integrations_integration_check", args=(outlet.pk,))
    yield "request to one outlet", reverse("admin:integrations_integration_ask", args=(outlet.pk,)) + "?type=1"
    yield "enabling of an outlet", reverse("admin:integrations_outlet_enable_new")


def _outlet_searches(integration: Integration) -> Iterator[tuple[str, str]]:
    yield "an outlet", integration.outlet.name
    yield "a secret", integration.current_credential().shown
    yield "an unknown ID that was sent", "nobody-5"
    yield "a wrong POSRemoteID that was sent", "mistyped-"
    yield "a word of no outlet", "zzzz"
    yield "a word with a letter beyond ASCII", "bäckerei"


def _list(name: str) -> str:
    return reverse(f"admin:integrations_{name}_changelist")


def _second(client: Client, url: str) -> str:
    body = client.get(url).content.decode()
    older = re.search(r'href="([^"]*)" rel="next"', body)
    return url + unescape(older[1]) if older else f"{url}?p=2" if "?p=2" in body else url


def _request_questions(chain: Organisation) -> Questions:
    sample = Request.objects.filter(integration__outlet__organisation=chain).order_by("pk")[0]
    outlet = sample.integration
    week = timezone.now() - timedelta(days=14)
    yield "of an outlet", {"integration__id__exact": outlet.pk}
    yield "of an outlet, refused", {"integration__id__exact": outlet.pk, "state__exact": "refused"}
    yield "of an outlet, a rare type", {"integration__id__exact": outlet.pk, "message_type": RARE_TYPE}
    yield "of a chain", {"organisation": chain.pk}
    yield "of a chain, refused", {"organisation": chain.pk, "state__exact": "refused"}
    yield "of a chain, a quiet one", {"organisation": Organisation.objects.order_by("pk")[1].pk}
    yield "of a chain, a quiet one, a rare type", {
        "organisation": Organisation.objects.order_by("pk")[1].pk, "message_type": RARE_TYPE,
    }  # fmt: skip
    yield "answered", {"state__exact": "answered"}
    yield "failed", {"state__exact": "failed"}
    yield "queued: none", {"state__exact": "queued"}
    yield "of a common type", {"message_type": 1}
    yield "of a rare type", {"message_type": RARE_TYPE}
    yield "failed, of a rare type", {"state__exact": "failed", "message_type": RARE_TYPE}
    yield "result code 0", {"result_code": 0}
    yield "result code 9", {"result_code": 9}
    yield "any other result code", {"result_code": "not-0"}
    days = {"from": week.date(), "to": week.date() + timedelta(days=1)}
    yield "of two days two weeks ago", days
    yield "failed, of these days", {"state__exact": "failed", **days}
    yield from _request_searches(sample)


def _request_searches(sample: Request) -> Questions:
    outlet = sample.integration.outlet
    yield "search for a RequestID", {"q": sample.request_id}
    yield "search for its beginning", {"q": sample.request_id[:10]}
    yield "search for a beginning that all have", {"q": "web-"}
    yield "search for an outlet", {"q": outlet.name}
    yield "search for a chain", {"q": outlet.organisation.name}
    yield "search for a word of all outlets", {"q": "outlet"}
    yield "search without a match", {"q": "zzzz"}


def _other_questions(chain: Organisation) -> Iterator[tuple[str, str, dict[str, Any]]]:
    sample = Connection.objects.filter(integration__outlet__organisation=chain).order_by("opened_at")[0]
    outlet, address = sample.integration, sample.address
    week = timezone.now() - timedelta(days=14)
    for name in ("connection", "authattempt", "unrecognisedframe", "auditevent"):
        yield name, "of an outlet", {"integration__id__exact": outlet.pk}
        yield name, "search for an outlet", {"q": outlet.outlet.name}
        yield name, "search without a match", {"q": "zzzz"}
        yield name, "of two days", {"from": week.date(), "to": week.date() + timedelta(days=1)}
    for name in ("connection", "authattempt"):
        yield name, "of an address", {"q": address}
        yield name, "of a chain", {"organisation": chain.pk}
    yield "connection", "open", {"open": "yes"}
    yield "connection", "ended", {"open": "no"}
    yield "connection", "a rare ending", {"close_reason__exact": "flooding"}
    yield "authattempt", "of a rare outcome", {"outcome__exact": "unknown_outlet"}
    yield "authattempt", "search for an unknown ID", {"q": "nobody-5"}
    yield "auditevent", "of a rare verb", {"verb__exact": "disabled"}
    yield "auditevent", "of a chain", {"organisation__id__exact": chain.pk}
    yield "auditevent", "of a person", {"q": "person 07"}
    yield "auditevent", "of a part of a name", {"person": "SON 07"}
    yield "auditevent", "of a part of many names", {"person": "son"}
    yield "auditevent", "of a part of some names, of two days", {
        "person": "son 0", "from": week.date(), "to": week.date() + timedelta(days=1),
    }  # fmt: skip
    yield "delivery", "given up", {"state__exact": "failed"}
    yield "delivery", "search for an outlet", {"q": outlet.outlet.name}
    for what, text in _outlet_searches(outlet):
        yield "outlet", f"search for {what}", {"q": text}
    yield "outlet", "of a chain", {"organisation": chain.pk}
    for state in ("online", "offline", "never-seen", "disabled"):
        yield "outlet", state, {"state": state}


def _rows_of(chain: Organisation) -> Iterator[tuple[str, str]]:
    """For each kind of row, yield a query name and the path of the page that shows one such row of the chain."""
    of_chain = {"integration__outlet__organisation": chain}
    found = {
        "organisation": chain,
        "outlet": Outlet.objects.filter(organisation=chain, integration__isnull=False).order_by("pk")[0],
        "request": Request.objects.filter(**of_chain).order_by("pk")[0],
        "connection": Connection.objects.filter(**of_chain).order_by("pk")[0],
        "authattempt": AuthAttempt.objects.filter(**of_chain).order_by("pk")[0],
        "unrecognisedframe": UnrecognisedFrame.objects.filter(**of_chain).order_by("pk")[0],
        "auditevent": AuditEvent.objects.filter(organisation=chain).order_by("pk")[0],
        "webhookendpoint": WebhookEndpoint.objects.filter(organisation=chain)[0],
        "delivery": Delivery.objects.filter(endpoint__organisation=chain).order_by("pk")[0],
    }
    for name, row in found.items():
        yield f"page of one {name}", reverse(f"admin:integrations_{name}_change", args=(row.pk,))


def _calls() -> Iterator[tuple[str, Ask]]:
    """Yield the queries of the API's lists. They run without HTTP: the time for HTTP does not depend on the rows."""
    chain = Organisation.objects.order_by("pk")[2]
    outlet = Outlet.objects.filter(organisation=chain, integration__isnull=False).order_by("pk")[0]
    key = ApiKey.objects.get()
    for who, organisation in (("a key for all", None), ("a key for a chain", chain.pk)):
        caller = Caller(0, "", "", None, None, key.pk, organisation, "[]", "[]", key.name)
        for what, read, parameters in (*_request_calls(outlet.provider_outlet_id), *_other_calls(chain, outlet)):
            yield f"API, {who}: {what}", _call(read, caller, parameters)


def _request_calls(provider_outlet_id: str) -> Calls:
    of = {"outlet": provider_outlet_id}
    since = (timezone.now() - timedelta(days=14)).isoformat()
    questions: dict[str, dict[str, str]] = {
        "requests": {},
        "requests of an outlet": of,
        "requests of an outlet, failed, since": {**of, "state": "failed", "since": since},
        "requests failed": {"state": "failed"},
        "requests since": {"since": since},
        "requests failed, since": {"state": "failed", "since": since},
        "requests ended since": {"ended_since": since},
        "requests queued: none": {"state": "queued"},
    }
    return ((what, requests.requests_page, parameters) for what, parameters in questions.items())


def _other_calls(chain: Organisation, outlet: Outlet) -> Calls:
    endpoint = WebhookEndpoint.objects.filter(organisation=chain)[0]
    yield "organisations", organisations.organisations_page, {}
    yield "organisations of a name", organisations.organisations_page, {"name": chain.name}
    yield "outlets", outlets.outlets_page, {}
    yield "outlets online", outlets.outlets_page, {"online": "true"}
    yield "outlets of an organisation", outlets.outlets_page, {"organisation_id": str(chain.pk)}
    yield "events", events.events_page, {}
    yield "events of an outlet", events.events_page, {"outlet": outlet.provider_outlet_id}
    yield "events of a kind", events.events_page, {"kind": "request.finished"}
    yield "webhook endpoints", webhook_endpoints.endpoints_page, {}
    yield "deliveries", deliveries.deliveries_page, {}
    yield "deliveries of an endpoint", deliveries.deliveries_page, {"endpoint_id": str(endpoint.pk)}
    yield "deliveries given up", deliveries.deliveries_page, {"state": "failed"}
    for what, read in OF_AN_OUTLET.items():
        yield f"{what} of an outlet", partial(_of, read, outlet.provider_outlet_id), {}


def _of(read: Any, provider_outlet_id: str, caller: Caller, request: PlainRequest) -> Any:
    return read(caller, provider_outlet_id, request)


def _call(read: Callable[[Caller, PlainRequest], Any], caller: Caller, parameters: dict[str, str]) -> Ask:
    query = urlencode(parameters).encode()
    return lambda: len(read(caller, PlainRequest({"path": "", "query_string": query}, b""))[0])
