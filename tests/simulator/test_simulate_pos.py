"""The command that simulates a POS: its credentials, its options and its exit codes."""

import asyncio
import io
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import IsolatedAsyncioTestCase

import pytest
from django.core.management import execute_from_command_line

from integrations.simulator import Credentials, WrongCredentialsError, load_till, till_messages
from integrations.simulator.journal import Journal
from tests.simulator.sample_requests import PIN_REQUEST, credentials_json
from tests.support.project import PROJECT
from tests.support.servers.simulator_portal import SECRET, TOKEN, FakePortal, ask, refusal, within


def test_credentials_are_read_from_the_output_of_enable_outlet() -> None:
    credentials = Credentials.from_json(credentials_json())
    assert credentials.auth_url == "https://orders.example.com/api/powerepos/v1/auth"
    assert credentials.websocket_url == "wss://orders.example.com/"
    assert (credentials.provider_outlet_id, credentials.pos_remote_id) == ("outlet-1", "TestOrg-1")
    assert credentials.auth_secret == SECRET


def test_credentials_may_begin_with_a_byte_order_mark_and_have_keys_in_any_letter_case() -> None:
    text = "\ufeff" + credentials_json().replace("AuthSecret", "authSECRET")
    assert Credentials.from_json(text).auth_secret == SECRET


def test_a_url_overrides_the_addresses_of_the_credentials() -> None:
    credentials = Credentials.from_json(credentials_json(AuthURL=..., WebsocketURL=...), url="http://[::1]:8000/")
    assert credentials.auth_url == "http://[::1]:8000/api/powerepos/v1/auth"
    assert credentials.websocket_url == "ws://[::1]:8000/"


def test_the_secret_is_not_in_the_repr_of_credentials() -> None:
    assert SECRET not in repr(Credentials.from_json(credentials_json()))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not JSON"),
        (f'{{"AuthSecret": "{SECRET}"', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "the JSON object that enable_outlet prints"),
        (credentials_json(AuthSecret=...), "lack AuthSecret"),
        (credentials_json(POSRemoteID=""), "lack POSRemoteID"),
        (credentials_json(AuthSecret="\ud800"), "lack AuthSecret"),
        (credentials_json(ProviderOutletID=7), "lack ProviderOutletID"),
        (credentials_json(AuthURL=...), "lack AuthURL"),
        (credentials_json(AuthURL="orders.example.com"), "AuthURL must begin with http:// or https://"),
        (credentials_json(WebsocketURL="https://x"), "WebsocketURL must begin with ws:// or wss://"),
        (credentials_json(WebsocketURL="wss://x/?token=1"), "must not have a login, query or fragment"),
        (credentials_json(AuthURL="http://me:pw@x/"), "must not have a login, query or fragment"),
    ],
)
def test_wrong_credentials_are_refused_in_one_line_without_the_secret(text: str, complaint: str) -> None:
    with pytest.raises(WrongCredentialsError, match=complaint) as caught:
        Credentials.from_json(text)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "ftp://x",
        "http://",
        "http://x:99999",
        "http://[x",
        "http://x/portal",
        "http://x y",
    ],
)
def test_a_url_that_is_not_a_portals_is_refused(url: str) -> None:
    with pytest.raises(WrongCredentialsError):
        Credentials.for_portal(url, provider_outlet_id="a", pos_remote_id="b", auth_secret="c")


def test_external_text_becomes_one_short_line_without_secrets() -> None:
    journal = Journal()
    journal.hide(SECRET, TOKEN)
    line = journal.plain(f"bad\r\n\x1b[31m {SECRET} {TOKEN}" + "x" * 500)
    assert line.startswith("bad   [31m [hidden] [hidden]xxx")
    assert len(line) <= 203


def test_a_very_short_secret_leaves_no_revealing_gaps_in_ordinary_words() -> None:
    journal = Journal()
    journal.hide("c")
    assert journal.plain("connection") == "connection"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"AccessToken": ""}', b'{"AccessToken": 7}', b'{"AccessToken": "\\ud800"}'],
)
def test_an_answer_without_a_valid_token_has_none(body: bytes) -> None:
    assert till_messages.find_access_token(body) is None


@pytest.mark.parametrize("body", ['{"accesstoken": "abc"}', '\ufeff{"AccessToken": "abc", "More": 1}'])
def test_a_token_is_read_in_any_letter_case_and_after_a_byte_order_mark(body: str) -> None:
    assert till_messages.find_access_token(body.encode()) == "abc"


@pytest.mark.processes
class SimulatePosCommand(IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.portal = await self.enterAsyncContext(FakePortal())

    async def test_ctrl_c_closes_with_1000_and_exits_with_0(self) -> None:
        await self.assert_signal_ends_cleanly(signal.SIGINT)

    async def test_sigterm_closes_with_1000_and_exits_with_0(self) -> None:
        await self.assert_signal_ends_cleanly(signal.SIGTERM)

    async def test_a_signal_while_it_waits_to_retry_exits_with_0(self) -> None:
        self.portal.auth_script.append(refusal(429, "Slow down.", Retry_After="600"))
        process = await start_command("--credentials", "-", given=self.portal.credentials_json)
        await read_until(process, "next attempt in 600.")
        process.send_signal(signal.SIGINT)
        assert (await finish(process))[0] == 0

    async def test_the_three_values_and_a_url_replace_a_file(self) -> None:
        process = await start_command(*VALUES, "--url", "http://127.0.0.1:9", "--once")
        code, output, errors = await finish(process)
        assert (code, errors) == (1, "")
        assert "requesting a token from http://127.0.0.1:9/api/powerepos/v1/auth" in output

    async def test_many_outlets_run_in_one_process_and_their_lines_name_them(self) -> None:
        process = await start_command("--credentials", "-", "--count", "2", given=self.portal.json_lines(3))
        sockets = [await self.portal.next_socket() for _ in range(2)]
        await read_until(process, "'outlet-2': connected to ws://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        code, output, errors = await finish(process)
        assert (code, errors, [socket.close_code for socket in sockets]) == (0, "", [1000, 1000])
        assert output.endswith(" ended\n")

    async def test_the_till_file_is_continued_in_the_next_run(self) -> None:
        folder = Path(self.enterContext(TemporaryDirectory()))
        for _ in range(2):
            process = await start_command(
                "--credentials", "-", "--till", str(folder / "till.json"), given=self.portal.credentials_json
            )
            socket = await self.portal.next_socket()
            assert (await ask(socket, PIN_REQUEST))["ResultCode"] == 0
            process.send_signal(signal.SIGINT)
            await finish(process)
        assert load_till(folder / "till.json").executed == [PIN_REQUEST["RequestID"]]

    async def test_with_once_a_refusal_exits_with_1(self) -> None:
        self.portal.auth_script.append(refusal(401, "The auth secret was not valid!"))
        process = await start_command("--credentials", "-", "--once", given=self.portal.credentials_json)
        code, output, errors = await finish(process)
        assert (code, errors) == (1, "")
        assert "refused by the auth endpoint (HTTP 401): The auth secret was not valid!" in output

    async def test_a_wrong_command_line_exits_with_1(self) -> None:
        code, output, errors = await finish(await start_command(*VALUES))
        assert (code, output, "Missing: --url" in errors, errors.count("\n")) == (1, "", True, 1)

    async def assert_signal_ends_cleanly(self, number: signal.Signals) -> None:
        process = await start_command("--credentials", "-", given=self.portal.credentials_json)
        socket = await self.portal.next_socket()
        await read_until(process, "connected to ws://127.0.0.1:")
        process.send_signal(number)
        code, output, errors = await finish(process)
        assert (code, socket.close_code, errors) == (0, 1000, "")
        assert output.endswith(" ended\n")


VALUES = ("--provider-outlet-id", "a", "--pos-remote-id", "b", "--auth-secret", SECRET)


@pytest.mark.parametrize(
    ("arguments", "given", "complaint"),
    [
        ((), "", "Missing: --url, --provider-outlet-id, --pos-remote-id, --auth-secret"),
        (VALUES, "", "Missing: --url"),
        ((*VALUES, "--url", "nonsense"), "", "The URL must begin with http:// or https://"),
        ((*VALUES, "--credentials", "-"), "", "not both"),
        (("--credentials", "no-such-file.json"), "", "Cannot read the credentials: No such file"),
        (("--credentials", "tests"), "", "Cannot read the credentials: Is a directory"),
        (("--credentials", "-"), "", "The credentials are not JSON"),
        (("--credentials", "-"), "{}", "The credentials lack AuthURL"),
        (("--credentials", "-", "--misbehave", "sulk=1"), "", "The faults are late, never, twice"),
        (("--credentials", "-", "--misbehave", "twice=2"), "", "Each probability must be from 0 to 1"),
        (("--credentials", "-", "--delay", "2:1"), "", "A delay must be 0 or more"),
        (("--credentials", "-", "--message-number", "CreateOrder"), "", "as in CreateOrder=10"),
        (("--credentials", "-", "--message-number", "CreateOrder=12"), credentials_json(), "the same message number"),
        (("--credentials", "-", "--till", "README.md"), credentials_json(), "This is not a saved till"),
        (("--credentials", "-", "--till", "tests"), credentials_json(), "Is a directory"),
        (("--count", "1"), "", "--count needs --credentials"),
        (("--count", "2", "--credentials", "-"), credentials_json(), "--count may be 1 to 1"),
    ],
)
def test_a_wrong_command_line_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    given: str,
    complaint: str,
) -> None:
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", "simulate_pos", *arguments])
    output, errors = capsys.readouterr()
    assert ended.value.code in (1, 2)
    assert output == ""
    assert len(errors.splitlines()) == 1
    assert complaint in errors
    assert SECRET not in errors


async def start_command(*arguments: str, given: str = "") -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "simulate_pos",
        *arguments,
        cwd=PROJECT,
        env={"DJANGO_SETTINGS_MODULE": "tests.settings"} | os.environ | {"PYTHONWARNINGS": "error"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(given.encode())
    process.stdin.close()
    return process


async def read_until(process: asyncio.subprocess.Process, text: str) -> None:
    assert process.stdout is not None
    while text.encode() not in (line := await within(process.stdout.readline())):
        assert line, f"The command ended before it said {text!r}."


async def finish(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    """Wait until the process ends. Return its exit code, and the rest of its standard output and standard error."""
    output, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()
