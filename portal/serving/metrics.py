"""GET /metrics: checks the caller and collects the metrics at each scrape."""

import hmac
import os
import platform
import re
import time
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import django
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from integrations.backend.base import problems
from integrations.backend.base.problems import Problem
from integrations.services import metrics
from integrations.services.overview.metric_counts import Figures, read_figures
from integrations.services.rows.threads import readers
from integrations.text.client_address import address_in, is_in, parsed_network
from integrations.wire.asgi_types import Scope, header
from integrations.wire.plain_http import PlainResponse
from portal.web.proxies import FORWARDED_PORT

FORBIDDEN = problems.ProblemKind("metrics-not-for-you", "Forbidden.", 403)
FIGURES_KEPT = 5.0  # seconds for which scrapes reuse the figures of one database read

_kept: tuple[float, Figures | None] = (-FIGURES_KEPT, None)


async def scrape(scope: Scope) -> PlainResponse:
    """Return the metrics, or a problem (RFC 9457) if the caller may not read them."""
    if not settings.METRICS_TOKEN and not settings.METRICS_NETWORKS:
        return problems.answer(Problem(problems.NOT_FOUND, "Neither METRICS_TOKEN nor METRICS_NETWORKS is set."))
    if not (_has_token(scope) or _is_in_networks(scope)):
        detail = "Send METRICS_TOKEN as a bearer token, or call from an address in METRICS_NETWORKS."
        return problems.answer(Problem(FORBIDDEN, detail))
    figures = await _figures()
    encode, content_type = choose_encoder(header(scope, b"accept") or "")
    body = encode(_registry(figures))
    return PlainResponse(200, [(b"content-type", content_type.encode()), (b"cache-control", b"no-store")], body)


def _has_token(scope: Scope) -> bool:
    scheme, _, token = (header(scope, b"authorization") or "").partition(" ")
    if not settings.METRICS_TOKEN or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())


def _is_in_networks(scope: Scope) -> bool:
    """Return whether the caller's own address is in METRICS_NETWORKS.

    A request with X-Forwarded-For counts as forwarded by a proxy. If the proxy is not in TRUSTED_PROXIES, or if the
    header names no valid address, only the proxy's address is known. This address proves nothing about the caller, so
    the result is False.
    """
    is_peers = bool(scope.get("client")) and scope["client"][1] != FORWARDED_PORT
    if header(scope, b"x-forwarded-for") and is_peers:
        return False
    return is_in(address_in(scope), map(parsed_network, settings.METRICS_NETWORKS))


async def _figures() -> Figures | None:
    global _kept  # noqa: PLW0603
    if time.monotonic() - _kept[0] >= FIGURES_KEPT:
        try:
            _kept = time.monotonic(), await readers.run(read_figures)
        except (DatabaseError, InterfaceError):
            _kept = time.monotonic(), None
    return _kept[1]


def _registry(figures: Figures | None) -> CollectorRegistry:
    registry = CollectorRegistry()
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        registry.register(Workers(Path(folder)))
    else:
        registry.register(metrics.REGISTRY)
        ProcessCollector(registry=registry)
    registry.register(AtScrape(figures))
    return registry


class AtScrape(Collector):
    """Metrics read at scrape time: figures from the database, and the versions of portal, Python and Django."""

    def __init__(self, figures: Figures | None) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        yield _build()
        yield _gauge("onp_database_up", 0 if self._figures is None else 1)
        if self._figures is None:
            return
        requests = GaugeMetricFamily("onp_requests_open", metrics.FROM_DATABASE["onp_requests_open"], labels=["state"])
        for state, count in self._figures.open_requests.items():
            requests.add_metric([state], count)
        yield requests
        oldest = self._figures.oldest_queued
        yield _gauge("onp_requests_oldest_queued_timestamp_seconds", oldest.timestamp() if oldest else 0)
        yield _gauge("onp_outlets_enabled", self._figures.enabled)
        yield _gauge("onp_outlets_online", self._figures.online)


class Workers(Collector):
    """The sum of process_* over all workers of this server. Prometheus' own collector covers one process only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        together: dict[str, Metric] = {}
        for pid in self._pids():
            for metric in ProcessCollector(pid=lambda pid=pid: pid, registry=None).collect():  # type: ignore[misc]
                _add(together.setdefault(metric.name, metric), metric)
        yield from together.values()

    def _pids(self) -> set[int]:
        names = (file.name for file in self._folder.glob("gauge_live*.db"))
        return {int(found[1]) for name in names if (found := re.search(r"_(\d+)\.db$", name))}


def _add(sum_of: Metric, metric: Metric) -> None:
    if sum_of is metric:
        return
    how = min if metric.name in ("process_start_time_seconds", "process_max_fds") else _plus
    (one,), (other,) = sum_of.samples, metric.samples
    sum_of.samples = [Sample(one.name, one.labels, how(one.value, other.value))]


def _plus(one: float, other: float) -> float:
    return one + other


def _gauge(name: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, metrics.FROM_DATABASE[name], value=value)


def _build() -> GaugeMetricFamily:
    labels = {"version": version(), "python": platform.python_version(), "django": django.get_version()}
    family = GaugeMetricFamily(*metrics.BUILD_INFO, labels=list(labels))
    family.add_metric(list(labels.values()), 1)
    return family


@cache
def version() -> str:
    """Return the portal's version from pyproject.toml, or "unknown"."""
    try:
        with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
            return str(tomllib.load(file)["project"]["version"])
    except (OSError, KeyError):
        return "unknown"
