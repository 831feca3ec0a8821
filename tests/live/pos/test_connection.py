"""A POS's connection, from opening to close. Each outlet has only one at a time.

A test whose result may depend on the server program runs with each program; the same applies to the database.
"""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypedDict

import pytest
from daphne.cli import CommandLineInterface
from django.conf import settings

from tests.live.callers import records
from tests.live.callers.clients import connect, connect_unresponsive, token_for
from tests.live.conftest import ON_EACH_COMBINATION, ON_EACH_DATABASE, ON_EACH_SERVER, NewStack
from tests.live.stack.servers import Depot, Server, Stack
from tests.live.stack.waiting import eventually
from tests.support.constants import WATCH_INTERVAL, with_constants

REPLACED = 4409


class PingOptions(TypedDict, total=False):
    """The settings or command options that make a server ping often."""

    env: dict[str, str]
    options: tuple[str, ...]


# daphne takes these values as command options, the other servers from settings.
QUICK_PINGS: dict[Server, PingOptions] = {
    "serve": {"env": {"POS_PING_INTERVAL": "1", "POS_PING_TIMEOUT": "1"}},
    "daphne": {"options": ("--ping-interval", "1", "--ping-timeout", "1")},
}
SERVERS: tuple[Server, ...] = ("serve", "daphne")


@ON_EACH_SERVER
def test_the_newest_connection_wins_and_the_older_one_is_closed_with_its_own_code(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    with connect(stack, token) as older, connect(stack, token) as newer:
        assert older.wait_closed(5)[0] == REPLACED
        assert newer.is_open()
        eventually(lambda: records.close_reasons(stack, outlet) == ["replaced", ""])
        assert records.is_online(stack, outlet)


@ON_EACH_SERVER
def test_only_the_newest_of_many_connections_of_one_outlet_stays_open(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    with ExitStack() as opened:
        poses = [opened.enter_context(connect(stack, token)) for _ in range(8)]
        assert {pos.wait_closed(5)[0] for pos in poses[:-1]} == {REPLACED}
        assert poses[-1].is_open()
        eventually(lambda: records.close_reasons(stack, outlet) == ["replaced"] * 7 + [""])
        assert records.is_online(stack, outlet)


def test_connections_of_different_outlets_do_not_affect_each_other(stack: Stack) -> None:
    outlets = [stack.supply_outlet() for _ in range(4)]
    with ExitStack() as opened:
        poses = [opened.enter_context(connect(stack, token_for(stack, outlet))) for outlet in outlets]
        assert all(pos.is_open() for pos in poses)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_the_newest_connection_replaces_one_in_another_process(
    shared_stack: Callable[[str], Stack], depot: Depot, server: str, database: str
) -> None:
    stack = shared_stack(f"{server}-{database}")
    twin = depot.twin(stack)
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    try:
        with connect(stack, token) as older, connect(twin, token) as newer:
            assert older.wait_closed(3)[0] == REPLACED
            assert newer.is_open()
            eventually(lambda: records.close_reasons(stack, outlet) == ["replaced", ""])
    finally:
        twin.close()


@ON_EACH_COMBINATION
def test_disabling_closes_the_socket_within_two_seconds_and_says_why(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)) as pos:
        stack.disable(outlet)
        assert pos.wait_closed(2)[0] == 1000
    eventually(lambda: records.close_reasons(stack, outlet) == ["disabled"])


@ON_EACH_DATABASE
def test_a_rotation_without_overlap_closes_the_socket_within_two_seconds(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)) as pos:
        stack.rotate_secret(outlet)
        assert pos.wait_closed(2)[0] == 1000
    eventually(lambda: records.close_reasons(stack, outlet) == ["credential_retired"])


@ON_EACH_DATABASE
def test_a_rotation_with_overlap_leaves_the_socket_open_until_the_overlap_is_ended(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)) as pos:
        stack.rotate_secret(outlet, overlap="1h")
        assert pos.is_open()
        stack.end_overlap(outlet)
        assert pos.wait_closed(2)[0] == 1000
    eventually(lambda: records.close_reasons(stack, outlet) == ["credential_retired"])


@ON_EACH_DATABASE
def test_the_next_poll_closes_a_socket_whose_token_was_voided_only_in_the_database(stack: Stack) -> None:
    outlet, other = stack.supply_outlet(), stack.supply_outlet()
    token = token_for(stack, other)
    with connect(stack, token_for(stack, outlet)) as pos, connect(stack, token) as bystander:
        records.void_tokens(stack, outlet)
        assert pos.wait_closed(2)[0] == 1000
        assert bystander.is_open()


@ON_EACH_SERVER
def test_a_close_by_the_pos_is_recorded_as_such(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)):
        eventually(lambda: records.is_online(stack, outlet))
    eventually(lambda: not records.is_online(stack, outlet))
    (row,) = records.connections(stack, outlet)
    assert row["close_reason"] == "by_pos"
    assert row["close_code"] == 1000


@ON_EACH_SERVER
def test_a_connection_that_breaks_is_recorded_as_lost(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    with connect_unresponsive(stack, token_for(stack, outlet)):
        eventually(lambda: records.is_online(stack, outlet))
    eventually(lambda: not records.is_online(stack, outlet))
    assert records.close_reasons(stack, outlet) == ["link_lost"]


@ON_EACH_COMBINATION
def test_a_connection_is_a_row_with_address_user_agent_and_frames(stack: Stack) -> None:
    outlet = stack.supply_outlet()
    headers = {"User-Agent": "Till/4.2 (counter)"}
    with connect(stack, token_for(stack, outlet), headers=headers) as pos:
        for number in range(3):
            pos.send(json.dumps({"RequestID": str(number)}))
    eventually(lambda: records.close_reasons(stack, outlet) == ["by_pos"])
    (row,) = records.connections(stack, outlet)
    assert row["opened_at"]
    assert row["closed_at"]
    assert row["address"] == "127.0.0.1"
    assert row["user_agent"] == "Till/4.2 (counter)"
    assert (row["frames_in"], row["frames_out"]) == (3, 0)


def test_with_redis_a_change_by_another_process_needs_no_poll_of_the_database(new_stack: NewStack) -> None:
    stack = new_stack("serve", "postgres", env=with_constants({WATCH_INTERVAL: 20}))
    outlet = stack.supply_outlet()
    with connect(stack, token_for(stack, outlet)) as pos:
        begun = time.monotonic()
        # Keep the connection idle for longer than one blocking read of Redis lasts.
        eventually(lambda: time.monotonic() - begun > 7)
        stack.disable(outlet)
        assert pos.wait_closed(2)[0] == 1000
    assert "Channel layer unavailable" not in stack.log_text()


@pytest.mark.parametrize("server", SERVERS)
def test_settings_override_the_close_codes(new_stack: NewStack, server: Server) -> None:
    stack = new_stack(server, env={"POS_CLOSE_CODES": "replaced=4001,disabled=4002,credential_retired=4003"})
    outlet = stack.supply_outlet()
    token = token_for(stack, outlet)
    with connect(stack, token) as older, connect(stack, token) as newer:
        assert older.wait_closed(5)[0] == 4001
        stack.rotate_secret(outlet)
        assert newer.wait_closed(2)[0] == 4003
    other = stack.supply_outlet()
    with connect(stack, token_for(stack, other)) as pos:
        stack.disable(other)
        assert pos.wait_closed(2)[0] == 4002


@pytest.mark.parametrize(("server", "wrong"), [("serve", "replaced=1006"), ("runserver", "nobody=4001")])
def test_the_server_does_not_start_with_an_invalid_close_code(depot: Depot, server: Server, wrong: str) -> None:
    """tests/portal/test_checks.py shows which codes are invalid."""
    with pytest.raises(RuntimeError, match="POS_CLOSE_CODES"):
        depot.make(server, env={"POS_CLOSE_CODES": wrong})


@pytest.mark.parametrize("server", SERVERS)
def test_pings_detect_a_dead_peer_and_keep_a_live_one(new_stack: NewStack, server: Server) -> None:
    stack = new_stack(server, **QUICK_PINGS[server])
    dead, living = stack.supply_outlet(), stack.supply_outlet()
    with connect_unresponsive(stack, token_for(stack, dead)), connect(stack, token_for(stack, living)) as pos:
        eventually(lambda: records.is_online(stack, dead))
        eventually(lambda: not records.is_online(stack, dead), what="the dead peer was found")
        assert records.close_reasons(stack, dead) == ["link_lost"]
        assert pos.is_open()
        assert records.is_online(stack, living)


def test_by_default_a_dead_peer_is_detected_within_sixty_seconds() -> None:
    assert settings.POS_PING_INTERVAL + settings.POS_PING_TIMEOUT <= 60
    daphne = CommandLineInterface().parser
    assert daphne.get_default("ping_interval") + daphne.get_default("ping_timeout") <= 60
