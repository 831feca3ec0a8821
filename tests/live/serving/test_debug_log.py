"""At LOG_LEVEL=DEBUG, a server logs no content that it relays or receives, secret or not."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.live.callers.backend import Backend, callers
from tests.live.callers.browser import first_login
from tests.live.callers.clients import connect, token_for
from tests.live.conftest import NewStack
from tests.live.stack.servers import Database, Server, Stack
from tests.live.stack.waiting import eventually
from tests.staff.signing_in.test_second_factors import code_of
from tests.support.constants import RECORD_INTERVAL, WATCH_INTERVAL, with_constants

# Words that match no pattern of the redaction.
MISTYPED, PHRASE, ASKED, ANSWERED, SEARCHED, NOTE = (
    f"marker{each}zq" for each in ("mistyped", "phrase", "asked", "answered", "searched", "note")
)


@pytest.mark.parametrize(("server", "database"), [("serve", "sqlite"), ("daphne", "postgres")])
def test_no_relayed_or_posted_content_is_logged_at_debug(
    new_stack: NewStack, server: Server, database: Database
) -> None:
    quick = with_constants({WATCH_INTERVAL: 0.2, RECORD_INTERVAL: 0.05})
    stack = new_stack(server, database, env=quick | {"LOG_LEVEL": "DEBUG"})
    request = exchange(stack)
    name, password = first_login(stack)
    with staff(stack) as browser:
        post(browser, "/admin/login/", username=MISTYPED, password=MISTYPED)
        assert post(browser, "/admin/login/", username=name, password=password).status_code == 302
        shown = set_up_app(browser)
        assert ASKED in browser.get(f"/admin/integrations/request/{request}/change/", follow_redirects=True).text
        browser.get("/admin/integrations/outlet/", params={"q": SEARCHED})
        post(browser, "/admin/confirm/", password=MISTYPED)
        post(browser, "/handover/", code=MISTYPED, passphrase=PHRASE)
    log = stack.log_text()
    assert "POS answered" in log
    hidden = [MISTYPED, PHRASE, ASKED, ANSWERED, SEARCHED, NOTE, password, *shown]
    assert [each for each in hidden if each in log] == []


def exchange(stack: Stack) -> int:
    """Relay a request and its answer, both with markers, and return the id of the stored request."""
    backend, outlet = Backend.of(stack), stack.supply_outlet()
    with callers() as begin, connect(stack, token_for(stack, outlet)) as pos:
        eventually(lambda: backend.is_online(outlet), what="the POS is online")
        asking = begin(backend.ask, outlet, "GetUserFromPIN", {"Note": ASKED})
        request_id = json.loads(str(pos.recv(20)))["RequestID"]
        pos.send(
            json.dumps({"RequestID": request_id, "ResultCode": 0, "ErrorMessage": NOTE, "Payload": {"Said": ANSWERED}})
        )
        assert ANSWERED in asking.result(30).text
    ((key,),) = eventually(lambda: stack.rows("SELECT id FROM integrations_request"), what="it is recorded")
    return int(str(key))


@contextmanager
def staff(stack: Stack) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=stack.base_url, trust_env=False, timeout=30) as browser:
        browser.get("/admin/login/")
        yield browser


def post(browser: httpx2.Client, path: str, **form: str) -> httpx2.Response:
    token = browser.cookies["csrftoken"]
    return browser.post(path, data={**form, "csrfmiddlewaretoken": token})


def set_up_app(browser: httpx2.Client) -> list[str]:
    """Set up an authenticator app, and return the key, its QR code and the recovery codes that the pages showed."""
    page = browser.get("/admin/sign-in/app/").text
    (secret,) = re.findall(r'<code class="onp-id">([A-Z2-7]{32})</code>', page)
    (picture,) = re.findall(r'class="onp-qr" src="data:[^,"]*,([^"]{200})', page)
    eventually(
        lambda: post(browser, "/admin/sign-in/app/", code=code_of(secret)).status_code == 302, what="the app is set up"
    )
    codes = re.findall(r"<code>(\d{8})</code>", browser.get("/admin/sign-in/codes/").text)
    assert len(codes) == 10
    return [secret, picture, *codes]
