"""All Prometheus metrics of the portal. Other modules count with them; portal/serving/metrics.py exports the values.

Values are counted in this process's memory. If PROMETHEUS_MULTIPROC_DIR is set before this module is imported, they are
counted in files of that folder instead, and the exported values are sums over all processes that use the folder. No
label holds a value that a customer chose, so the number of series is limited: a few hundred for `api_calls`, and at
most a few dozen for each other metric.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from integrations.models.attempt import Outcome
from integrations.models.connection import CloseReason
from integrations.models.request import OPEN_STATES, RequestState
from integrations.models.retention import RecordKind

REGISTRY = CollectorRegistry(auto_describe=True)

# A POS answers in tens of milliseconds on a good line; a durable request may wait for days.
DURATIONS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600, 3600, 86400)
WRITES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SIZES = (1, 5, 10, 50, 100, 500, 1000, 5000, 10000, 20000)


def _counts(name: str, text: str, label: str, values: Iterable[str]) -> Mapping[str, Counter]:
    """Create a metric with one label. Return a counter for each value of the label, exported from the start, at 0."""
    counter = Counter(name, text, [label], registry=REGISTRY)
    return {str(value): counter.labels(str(value)) for value in values}


# --- The POS entry point

authentications = _counts("onp_authentications_total", "Requests for an access token, by outcome.", "outcome", Outcome)
handshakes_refused = _counts("onp_handshakes_refused_total", "Websockets refused, by reason.", "outcome", Outcome)
connections_open = Gauge(
    "onp_connections_open", "POSes connected to this server.", registry=REGISTRY, multiprocess_mode="livesum"
)
connections_opened = Counter("onp_connections_opened_total", "Websockets accepted.", registry=REGISTRY)
connections_closed = _counts("onp_connections_closed_total", "Websockets closed, by reason.", "reason", CloseReason)

# --- Requests to a POS

requests_ended = _counts(
    "onp_requests_total",
    "Requests to a POS that ended, by final state.",
    "state",
    set(RequestState) - set(OPEN_STATES),
)
request_seconds = Histogram(
    "onp_request_duration_seconds",
    "From a request's receipt to the POS's answer, as written in the database.",
    buckets=DURATIONS,
    registry=REGISTRY,
)
problems = Counter(
    "onp_api_problems_total",
    "API calls that did not succeed, by problem type.",
    ["problem"],
    registry=REGISTRY,
)
api_calls = Counter(
    "onp_api_calls_total",
    "API calls that were answered, by operation and HTTP status.",
    ["operation", "status"],
    registry=REGISTRY,
)

# --- Webhooks

webhook_attempts = _counts(
    "onp_webhook_attempts_total",
    "Attempts to deliver an event. `retried`: it failed, and another follows; `failed`: it was the last.",
    "outcome",
    ("delivered", "retried", "failed"),
)

# --- Records with a limited retention time

pruned = _counts(
    "onp_pruned_rows_total", "Records deleted or emptied at the end of their retention time.", "kind", RecordKind
)

# --- Between the processes

layer_losses = Counter(
    "onp_layer_losses_total", "Messages that the channel layer did not accept or could not deliver.", registry=REGISTRY
)
layer_away = Gauge(
    "onp_layer_away",
    "1 while a process cannot reach its channel layer.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)

# --- Background loops

# This gauge has a label, because a gauge without one would be 0 (1970) in every process that never starts the loop.
loops = Gauge(
    "onp_loop_last_run_timestamp_seconds",
    "Last run of the watcher and the recorder, in the process most behind; time() minus this is the lag.",
    ["loop"],
    registry=REGISTRY,
    multiprocess_mode="livemin",
)
watcher_seconds = Histogram(
    "onp_watcher_poll_duration_seconds", "Duration of one poll of the database.", buckets=WRITES, registry=REGISTRY
)
recorder_lag = Histogram(
    "onp_recorder_lag_seconds",
    "Time from the first record of a batch until the batch was written.",
    buckets=WRITES,
    registry=REGISTRY,
)
recorder_rows = Histogram(
    "onp_recorder_batch_rows", "Rows written in one batch of records.", buckets=SIZES, registry=REGISTRY
)
recorder_waiting = Gauge(
    "onp_recorder_waiting_rows",
    "Records that wait because the database did not accept them.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
recorder_dropped = Counter(
    "onp_recorder_dropped_total", "Attempts not recorded because the database was down too long.", registry=REGISTRY
)

# --- Read from the database at each scrape: the same in every process, so take max() of them and never sum()

FROM_DATABASE = {
    "onp_database_up": "1 if this scrape reached the database.",
    "onp_requests_open": "Requests that have not ended, by state, in the whole installation.",
    "onp_requests_oldest_queued_timestamp_seconds": "When the oldest unsent request was received; 0: none.",
    "onp_outlets_enabled": "Outlets for which Order N Pay is enabled, in the whole installation.",
    "onp_outlets_online": "Outlets whose POS is connected to any server of the installation.",
}
BUILD_INFO = ("onp_build_info", "1; the labels name the running versions.")


def request_ended(state: str, seconds: float) -> None:
    """Count an ended request; `seconds` is the time since its receipt."""
    requests_ended[state].inc()
    if state in (RequestState.ANSWERED, RequestState.REFUSED):
        request_seconds.observe(seconds)
