"""Requests and disconnections by staff reach the till, whichever process holds its socket."""

import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.test import Client

from integrations.models import AuditEvent, Connection, Request
from integrations.models.audit import Verb
from integrations.models.connection import CloseReason
from integrations.models.request import RequestState
from integrations.services import wake
from integrations.services.integration.disconnecting import disconnect
from integrations.services.requests.asking import DEVICE_ID, Question, ask_pos
from integrations.services.requests.contents import Content
from tests.support.asgi_client import Answer, request
from tests.support.backend_client import Pos, know, make_outlet
from tests.support.factories import ANNA, Enabled
from tests.support.in_process import LIMIT, InProcess, after_first_poll, in_main, recorded, until

OURS = "http://127.0.0.1:8000"


class Asking(InProcess):
    async def send_request(self, outlet: Enabled) -> int:
        question = Question("r-1", Content(1, DEVICE_ID, "4711", '{"Price": 1.10}'))
        return await in_main(ask_pos, outlet.integration, question, actor=ANNA)

    async def test_the_pos_gets_the_payload_as_typed_and_its_answer_is_stored(self) -> None:
        station = await make_outlet()
        running = await after_first_poll()
        async with await Pos.of(station) as pos:
            await recorded()
            pk = await self.send_request(station)  # also wakes this process, which does not poll in tests
            frame = await pos.next_frame()
            assert (frame["RequestID"], frame["UserIdentifier"], frame["Payload"]) == ("r-1", "4711", {"Price": 1.1})
            pos.answers(frame, '{"Total": 2.20}')
            row = await running.dispatcher.wait(pk, LIMIT)
            await pos.disconnect()
        assert (row.state, row.answer) == (RequestState.ANSWERED, '{"Total": 2.20}')

    async def test_another_process_finds_the_row_without_a_notification(self) -> None:
        station = await make_outlet()
        running = await after_first_poll()
        async with await Pos.of(station) as pos:
            await recorded()
            wake.forget(running._changed)
            await self.send_request(station)
            await running.watcher.poll()
            assert (await pos.next_frame())["RequestID"] == "r-1"
            await pos.disconnect()

    async def test_the_page_responds_before_the_pos_answers(self) -> None:
        await in_main(know, "GetOpenOrders", 1)
        station = await make_outlet()
        cookies = await in_main(signed_in)
        await after_first_poll()
        async with await Pos.of(station) as pos:
            await recorded()
            answer = await send_form(f"{page_of(station)}/ask/?type=1&raw", cookies, raw="{}", device_id="d", wait=30)
            assert (answer.status, answer.headers["location"].startswith(f"{page_of(station)}/asked/")) == (302, True)
            frame = await pos.next_frame()
            page = await request("GET", answer.headers["location"], headers={"cookie": cookies})
            assert b"has not answered yet" in page.body
            pos.answers(frame, code=4, error="No such user.")
            await pos.disconnect()


class AskingOnce(InProcess):
    """Requests that are not stored before they are sent."""

    async def send(self, station: Enabled, cookies: str, **values: Any) -> Answer:
        form = {"raw": "{}", "device_id": "d", "wait": 30, "sent_once": "on", **values}
        return await send_form(f"{page_of(station)}/ask/?type=1&raw", cookies, **form)

    async def test_the_page_shows_the_answer_when_the_request_is_recorded(self) -> None:
        await in_main(know, "GetOpenOrders", 1)
        station, cookies = await make_outlet(), await in_main(signed_in)
        running = await after_first_poll()
        async with await Pos.of(station) as pos:
            await recorded()
            answer = await self.send(station, cookies, own_request_id="desk-17")
            page_url = answer.headers["location"]
            frame = await pos.next_frame()
            assert (answer.status, frame["RequestID"]) == (302, "desk-17")
            page = await request("GET", page_url, headers={"cookie": cookies})
            assert b"recorded when it has ended" in page.body
            assert not await in_main(Request.objects.exists)
            again = await self.send(station, cookies, own_request_id="desk-17")
            assert again.headers["location"].partition("?")[0] == page_url.partition("?")[0]
            pos.answers(frame, '{"Total": 2.20}')
            await until(lambda: not running.transient_requests.is_waited_for)
            await recorded()
            page = await request("GET", page_url, headers={"cookie": cookies})
            assert b"Answered. ResultCode 0." in page.body
            assert not pos.has_more()
            await pos.disconnect()
        row = await in_main(Request.objects.get)
        assert (row.is_durable, row.request_id, row.state) == (False, "desk-17", RequestState.ANSWERED)
        assert await in_main(AuditEvent.objects.filter(verb=Verb.POS_ASKED).count) == 1

    async def test_nothing_is_sent_or_logged_while_the_pos_is_offline(self) -> None:
        await in_main(know, "GetOpenOrders", 1)
        station, cookies = await make_outlet(), await in_main(signed_in)
        await after_first_poll()
        page = await self.send(station, cookies)
        assert b"is not connected. Nothing was sent." in page.body
        assert not await in_main(AuditEvent.objects.filter(verb=Verb.POS_ASKED).exists)


class Disconnecting(InProcess):
    async def test_the_socket_closes_with_its_code_and_the_same_token_opens_the_next(self) -> None:
        station = await make_outlet()
        running = await after_first_poll()
        async with await Pos.of(station) as pos:
            await recorded()
            # This process is not notified of the disconnection below, as if it happened in another process and there
            # were no channel layer.
            wake.forget(running._changed)
            await in_main(disconnect, station.integration, actor=ANNA)
            await running.watcher.poll()
            assert await pos.closed() == (1000, "Disconnected by the provider.")
        await recorded()
        row = await in_main(Connection.objects.get)
        assert (row.close_reason, row.close_code) == (CloseReason.DISCONNECTED, 1000)
        async with Pos(query=pos.query) as again:
            await recorded()
            await running.watcher.poll()
            assert not again.has_more()
            await again.disconnect()

    async def test_a_pos_connected_to_this_process_is_disconnected_at_once(self) -> None:
        station = await make_outlet()
        await after_first_poll()
        async with await Pos.of(station) as pos:
            await recorded()
            await in_main(disconnect, station.integration, actor=ANNA)
            assert (await pos.closed())[0] == 1000


class Watching(InProcess):
    """The responses that live pages get when they refresh themselves."""

    async def test_the_check_turns_green_while_the_page_is_open(self) -> None:
        await in_main(know, "GetOpenOrders", 1)
        station = await make_outlet()
        cookies = await in_main(signed_in)
        path = f"{page_of(station)}/check/"
        assert b"Waiting for the till&#x27;s first attempt." in (await refreshed(path, cookies)).body
        async with await Pos.of(station) as pos:
            await recorded()
            assert b"Connected. Last step: send a test request." in (await refreshed(path, cookies)).body
            await pos.disconnect()
            await recorded()
            assert b"The till is offline." in (await refreshed(path, cookies)).body

    async def test_an_unchanged_live_part_is_answered_with_304_without_a_body(self) -> None:
        path, cookies = "/admin/integrations/outlet/", await in_main(signed_in)
        await make_outlet()
        first = await refreshed(path, cookies)
        again = await refreshed(path, cookies, etag=first.headers["etag"])
        assert (first.status, again.status, again.body) == (200, 304, b"")
        assert again.headers["etag"] == first.headers["etag"]

    async def test_a_refresh_needs_the_permission(self) -> None:
        station = await make_outlet()
        cookies = await in_main(signed_in, is_superuser=False)
        for path, status in ((f"{page_of(station)}/check/", 403), (f"{page_of(station)}/asked/1/", 403)):
            assert (await refreshed(path, cookies)).status == status
            assert (await refreshed(path, "")).status == 302


async def refreshed(path: str, cookies: str, *, etag: str = "") -> Answer:
    """Return the response for the live part of a page."""
    return await request("GET", path, headers={"cookie": cookies, "x-fragment": "yes", "if-none-match": etag})


def page_of(outlet: Enabled) -> str:
    return f"/admin/integrations/integration/{outlet.integration.pk}"


async def send_form(path: str, cookies: str, **values: Any) -> Answer:
    """Post a portal form as a browser does, with a new RequestID."""
    token = "a" * 32
    body = urlencode({"request_id": str(uuid.uuid4()), "csrfmiddlewaretoken": token} | values).encode()
    headers = {
        "cookie": f"{cookies}; csrftoken={token}",
        "origin": OURS,
        "content-type": "application/x-www-form-urlencoded",
    }
    return await request("POST", path, [body], headers=headers)


def signed_in(*, is_superuser: bool = True) -> str:
    """Sign in a new member of staff and return the session cookies."""
    values: dict[str, Any] = {"is_staff": True, "is_superuser": is_superuser}
    browser = Client()
    browser.force_login(User.objects.create(username=f"user-{User.objects.count()}", **values))
    return "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())
