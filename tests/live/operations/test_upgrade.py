"""The first start after an upgrade from commit cd0fc3e migrates the database; everything stored in it still works.

tests/live/operations/upgrade holds the database and describes how it was created.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.live.callers.backend import API, Backend, pos_of, requests_of
from tests.live.callers.clients import authenticate, connect, request, token_for
from tests.live.callers.staff import csrf_token
from tests.live.operations.upgrade import values
from tests.live.stack.ledger import LEDGER
from tests.live.stack.servers import Credentials, Depot, Stack
from tests.live.stack.waiting import eventually
from tests.staff.signing_in.test_second_factors import code_of
from tests.support.project import PROJECT
from tests.support.servers.receiver import Receiver, receiver

DUMP = PROJECT / "tests/live/operations/upgrade/installation.sql"
LATEST_OF_THEN = "0019_identity_unlinked"
# Settings from an .env file for commit cd0fc3e. This version ignores those that it no longer has.
SETTINGS_OF_THEN = {"WATCH_INTERVAL": "0.5", "RECORD_INTERVAL": "0.1", "OUTLET_GRACE": "5", "BULK_KEPT_SECONDS": "3600"}


@pytest.fixture(scope="module")
def hooks() -> Iterator[Receiver]:
    """Receive the webhooks of the installation."""
    with receiver() as receiving:
        yield receiving


@pytest.fixture(scope="module")
def upgraded(depot: Depot, hooks: Receiver) -> Iterator[Stack]:
    """Start this version over the old database, as script/server does."""
    LEDGER.remember(*values.SECRETS)
    env = values.KEYS | SETTINGS_OF_THEN | {"WEBHOOK_ALLOW_PRIVATE": "true"}
    stack = depot.make("serve", env=env, options=["--prepare"], is_started=False)
    restore(database_of(stack), DUMP.read_text().replace(values.WEBHOOK_URL, hooks.url))
    assert newest_migration(stack) == LATEST_OF_THEN
    stack.start()
    yield stack
    stack.close()


def database_of(stack: Stack) -> Path:
    return Path(stack.database_url.removeprefix("sqlite:///"))


def restore(file: Path, dump: str) -> None:
    """Replace the contents of the database file by these tables and rows."""
    file.unlink()
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode = wal")  # the old version used this mode, which a dump does not contain
        database.executescript(dump)


def newest_migration(stack: Stack) -> object:
    ((name,),) = stack.rows("SELECT name FROM django_migrations WHERE app = 'integrations' ORDER BY id DESC LIMIT 1")
    return name


def till(stack: Stack, outlet: str, remote: str, secret: str) -> Credentials:
    """Return the credentials that this till used before the upgrade and still uses."""
    auth_url = f"{stack.base_url}/api/powerepos/v1/auth"
    return Credentials(outlet, remote, secret, auth_url=auth_url, websocket_url=stack.ws_url)


def station(stack: Stack, secret: str = values.STATION_SECRET) -> Credentials:
    return till(stack, values.STATION_ID, values.STATION_REMOTE, secret)


def harbour(stack: Stack) -> Credentials:
    return till(stack, values.HARBOUR_ID, values.HARBOUR_REMOTE, values.HARBOUR_SECRET)


def call(stack: Stack, path: str, key: str = values.API_KEY) -> httpx2.Response:
    return request(stack, "GET", f"{API}/{path}", headers={"Authorization": f"Bearer {key}"})


def test_the_first_start_migrates_the_database(upgraded: Stack) -> None:
    assert "Migrated the database" in upgraded.log_text()
    assert upgraded.manage("migrate", "--check").returncode == 0
    assert request(upgraded, "GET", "/readyz").status_code == 200


def test_an_upgraded_installation_has_the_same_schema_as_a_new_one(upgraded: Stack, depot: Depot) -> None:
    new = depot.make("serve", is_started=False)
    assert schema(upgraded) == schema(new)


def schema(stack: Stack) -> dict[object, list[str]]:
    """Return the definition of each table and index, by name, as a list of its parts.

    The parts are sorted, because an upgrade adds new columns at the end of a table.
    """
    rows = stack.rows("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: sorted(parts(str(sql))) for name, sql in rows}


def parts(sql: str) -> list[str]:
    """Split a definition at the commas directly inside its outer parentheses."""
    depth, found = 0, [""]
    for each in sql:
        depth += (each == "(") - (each == ")")
        if each == "," and depth == 1:
            found.append("")
        else:
            found[-1] += each
    head, first = found[0].split("(", 1)
    return [head, first.strip(), *(part.strip() for part in found[1:-1]), found[-1].strip().removesuffix(")")]


def test_a_bulk_action_that_was_waiting_did_not_stop_the_migration(upgraded: Stack) -> None:
    assert 'INSERT INTO "integrations_bulkjob"' in DUMP.read_text()
    assert {values.STATION, values.HARBOUR} <= {row["Outlet"] for row in outlets(upgraded)}


def outlets(stack: Stack) -> list[dict[str, object]]:
    listed = stack.manage_json("outlets")
    assert isinstance(listed, list)
    return listed


def test_a_pos_authenticates_and_connects_with_the_secret_that_it_has(upgraded: Stack) -> None:
    with connect(upgraded, token_for(upgraded, harbour(upgraded))) as pos:
        assert pos.is_open()
        eventually(lambda: upgraded.outlet_row(harbour(upgraded))["Online"] is True)


def test_both_secrets_of_a_rotation_are_accepted_until_its_overlap_ends(upgraded: Stack) -> None:
    for secret in (values.STATION_OLDER_SECRET, values.STATION_SECRET, values.STATION_OLDER_SECRET):
        assert authenticate(upgraded, station(upgraded, secret)).status_code == 200
    assert authenticate(upgraded, station(upgraded, values.HARBOUR_SECRET)).status_code == 401
    upgraded.end_overlap(station(upgraded))
    assert authenticate(upgraded, station(upgraded, values.STATION_OLDER_SECRET)).status_code == 401
    assert authenticate(upgraded, station(upgraded)).status_code == 200


def test_the_request_that_waited_is_sent_once_and_its_answer_is_stored(upgraded: Stack) -> None:
    outlet = station(upgraded)
    with pos_of(outlet):
        eventually(lambda: requests_of(upgraded, outlet)[0]["state"] == "answered", what="it is sent and answered")
    (row,) = requests_of(upgraded, outlet)
    assert (row["request_id"], row["times_sent"]) == (values.REQUEST_ID, 1)
    again = Backend(upgraded, values.API_KEY).ask(
        outlet,
        "GetUserFromPIN",
        {"PIN": values.PIN},
        request_id=values.REQUEST_ID,
        user_identifier=values.USER_IDENTIFIER,
    )
    assert again.status_code == 200, again.text
    assert (again.json()["outcome"], again.json()["result_code"]) == ("answered", 0)
    assert again.json()["payload"]["UserName"] == "Waiter"
    assert len(requests_of(upgraded, outlet)) == 1


def test_both_texts_of_an_api_key_are_accepted(upgraded: Stack) -> None:
    for key in (values.API_KEY_OLDER, values.API_KEY):
        listed = call(upgraded, "outlets", key)
        assert listed.status_code == 200
        found = {each["provider_outlet_id"] for each in listed.json()["results"]}
        assert {values.STATION_ID, values.HARBOUR_ID} <= found
    assert call(upgraded, "outlets", values.API_KEY[:-1] + "0").status_code == 401


def test_a_webhook_is_delivered_with_the_signing_secret_that_its_receiver_has(upgraded: Stack, hooks: Receiver) -> None:
    eventually(lambda: upgraded.rows("SELECT name FROM integrations_noticecursor WHERE name != 'alerts'"))
    authenticate(upgraded, harbour(upgraded), AuthSecret="wrong")
    eventually(lambda: "authentication.refused" in received(hooks), what="the webhook is delivered")


def received(hooks: Receiver) -> list[str]:
    return [got.verified(values.WEBHOOK_SECRET)["type"] for got in list(hooks.got)]


def test_a_person_signs_in_with_an_authenticator_app_and_sees_every_organisation(upgraded: Stack) -> None:
    with signed_in(upgraded, values.ANNA, lambda: code_of(values.ANNA_SEED)) as browser:
        assert values.STATION in browser.get("/admin/integrations/outlet/").text
        organisations = browser.get("/admin/integrations/organisation/").text
        assert values.ORGANISATION in organisations
        assert values.OTHER_ORGANISATION in organisations


def test_a_person_signs_in_with_a_recovery_code_and_sees_their_own_organisation_only(upgraded: Stack) -> None:
    with signed_in(upgraded, values.OTTO, lambda: values.OTTO_RECOVERY_CODE) as browser:
        assert values.STATION in browser.get("/admin/integrations/outlet/").text
        organisations = browser.get("/admin/integrations/organisation/").text
        assert values.ORGANISATION in organisations
        assert values.OTHER_ORGANISATION not in organisations


@contextmanager
def signed_in(stack: Stack, name: str, code: Callable[[], str]) -> Iterator[httpx2.Client]:
    """Sign in with the password and then a second-factor code; retry with a new code if the first has expired."""
    with httpx2.Client(trust_env=False, timeout=30, base_url=stack.base_url) as browser:
        after = submit(browser, "/admin/login/", username=name, password=values.PASSWORD)
        assert browser.get("/admin/integrations/outlet/").status_code == 302, "the password alone opens nothing"
        path = after.headers["Location"]
        eventually(lambda: submit(browser, path, code=code()).status_code == 302, what="the code is accepted")
        yield browser


def submit(browser: httpx2.Client, path: str, **form: str) -> httpx2.Response:
    token = csrf_token(browser.get(path).text)
    return browser.post(path, data={**form, "csrfmiddlewaretoken": token}, headers={"Origin": str(browser.base_url)})


def test_a_hand_over_link_still_opens_once(upgraded: Stack) -> None:
    with httpx2.Client(trust_env=False, timeout=30, base_url=upgraded.base_url) as browser:
        form = {"code": values.LINK, "passphrase": values.PASSPHRASE}
        opened = browser.post("/handover/", data=form)
        assert opened.status_code == 200
        assert values.HARBOUR_SECRET in opened.text
        assert browser.post("/handover/", data=form).status_code == 403
