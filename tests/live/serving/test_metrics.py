"""Each process of a server reports the combined metrics of all processes of that server."""

import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from portal.serving import worker_metrics
from tests.live.callers.clients import connect, request, token_for
from tests.live.conftest import NewStack
from tests.live.stack.servers import Depot, Stack
from tests.live.stack.waiting import eventually

TOKEN = "a-token-of-the-scraper"


def test_each_scrape_shows_all_workers_together_and_the_rows_once(
    new_stack: NewStack, depot: Depot, tmp_path: Path
) -> None:
    folder = tmp_path / "counts"
    shared = worker_metrics.create_folder(folder) | {"METRICS_TOKEN": TOKEN}
    first = new_stack(env=shared)
    second = depot.twin(first)
    with (
        connect(first, token_for(first, first.supply_outlet())),
        connect(second, token_for(second, first.supply_outlet())),
    ):
        for stack in (first, second):
            eventually(lambda: figures(first)["onp_outlets_online"] == 2, what="both are online")
            shown = figures(stack)
            assert shown["onp_authentications_total", "accepted"] == 2
            assert shown["onp_connections_open"] == 2
            assert shown["onp_outlets_enabled"] == 2
            assert shown["process_resident_memory_bytes"] > 2 * 40_000_000
            assert time.time() - shown["onp_loop_last_run_timestamp_seconds", "watcher"] < 5
        dead = second.pid
        second.kill()
        worker_metrics.mark_worker_dead(folder, dead)
        shown = figures(first)
        assert shown["onp_connections_open"] == 1, "a worker that died holds no connection"
        assert shown["onp_authentications_total", "accepted"] == 2, "what it counted stays"


def figures(stack: Stack) -> dict[object, float]:
    answer = request(stack, "GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()) if len(sample.labels) == 1 else sample.name: sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
