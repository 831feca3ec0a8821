"""UUIDs are unique, and one fetch of random bytes serves many of them."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest

from integrations.text import random_ids
from integrations.text.random_ids import AT_ONCE, new_uuid


@pytest.fixture(autouse=True)
def _an_empty_pool() -> Iterator[None]:
    random_ids._pieces.clear()
    yield
    random_ids._pieces.clear()


def test_uuids_are_unique_across_threads() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: new_uuid(), range(20 * AT_ONCE)))
    assert len(set(made)) == len(made)
    assert {(each.version, each.variant) for each in made} == {(4, "specified in RFC 4122")}


def test_random_bytes_are_fetched_once_for_many_uuids(monkeypatch: pytest.MonkeyPatch) -> None:
    urandom = mock.Mock(wraps=os.urandom)
    monkeypatch.setattr(os, "urandom", urandom)
    for _ in range(AT_ONCE + 1):
        new_uuid()
    assert urandom.mock_calls == [mock.call(16 * AT_ONCE)] * 2


@pytest.mark.processes
def test_a_forked_process_generates_different_ones() -> None:
    new_uuid()
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(theirs, str(new_uuid()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(ours, 36).decode() not in {str(new_uuid()) for _ in range(AT_ONCE - 1)}
    os.close(ours)
    os.close(theirs)
