"""The garbage collector of a server does not scan the objects of a reconnect storm."""

import gc
from collections.abc import Iterator

import pytest

from portal.serving.server import GC_THRESHOLDS, MANY_CONNECTIONS, tune_garbage_collector

OLDEST = 2


@pytest.fixture
def connections() -> Iterator[list[int]]:
    """Yield an empty list whose items the tuned collector counts as connections; restore the collector afterwards."""
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    tuned: list[int] = []
    tune_garbage_collector(tuned)
    try:
        yield tuned
    finally:
        gc.callbacks[:] = callbacks
        gc.set_threshold(*thresholds)
        gc.freeze()


def generation_after_a_collection() -> int:
    """Return the generation of a new object after the collector has collected the youngest generation."""
    new = [object()]
    gc.collect(0)
    return next(number for number in range(OLDEST + 1) if any(new is each for each in gc.get_objects(number)))


def test_the_objects_of_many_new_connections_are_promoted_to_the_oldest_generation(connections: list[int]) -> None:
    connections += range(MANY_CONNECTIONS)
    assert generation_after_a_collection() == OLDEST


def test_the_objects_of_few_new_connections_are_collected_as_usual(connections: list[int]) -> None:
    connections += range(MANY_CONNECTIONS - 1)
    assert generation_after_a_collection() == 1


def test_connections_that_were_counted_in_an_earlier_collection_are_not_counted_again(connections: list[int]) -> None:
    connections += range(MANY_CONNECTIONS)
    gc.collect(0)
    connections += range(MANY_CONNECTIONS - 1)
    assert generation_after_a_collection() == 1


def test_the_connections_of_a_new_storm_count_after_earlier_ones_have_closed(connections: list[int]) -> None:
    connections += range(MANY_CONNECTIONS)
    gc.collect(0)
    connections.clear()
    gc.collect(0)
    connections += range(MANY_CONNECTIONS)
    assert generation_after_a_collection() == OLDEST


@pytest.mark.usefixtures("connections")
def test_new_objects_are_collected_rarely() -> None:
    assert gc.get_threshold() == GC_THRESHOLDS
