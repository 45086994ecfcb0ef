"""The metrics: every name that a dashboard or an alert may hold on to, and where each value comes from.

Two kinds. What *happens* is counted when it happens: calls, webhooks, records, deliveries, runs. What *is* (backlog,
exceptions, holds, deadlines, authorization) is read from the store when somebody scrapes, through one callable that
returns a frozen `StoreSnapshot`: it is right after a restart, and cannot drift from what `backlog` lists. When the
snapshot cannot be read those metrics are absent, never zero, and `connector_store_read_errors_total` counts.

Label values are bounded: what does not look like one of our names, or comes after `VALUES_MAX` different ones, is
counted as `other`. No label ever holds an id, a SKU or a text of the other side.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from daemon import __version__
from daemon.core.lifecycle import OPEN

FLOWS = (
    "orders", "fulfillments", "cancellations", "inventory", "products", "locations", "returns", "refunds", "statements",
    "messages", "references",
)  # fmt: skip
CONNECTION = "connection"
"""Stands where a flow would: exceptions of the connection itself."""
RECORD_OUTCOMES = ("delivered", "unchanged", "skipped", "dropped", "failed")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
VALUES_MAX = 100
LAG_SAMPLES = 30
CALL_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
DELIVERY_BUCKETS = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 7200.0, 21600.0, 86400.0)
"""From the source's change to acceptance; an order waits out its hold, an hour, before it counts."""

_NAME = re.compile(r"[a-z][a-z0-9_.]{0,59}")


@dataclass(frozen=True, slots=True)
class StoreSnapshot:
    """What the store says at the moment of a scrape. What is not known is None or missing, never zero.

    `backlog` and `oldest` by (flow, state); `exceptions` by (flow, code); `ship_deadline` is the time left until the
    nearest ship-by instant of an order that still waits for its tracking number, negative when it has passed;
    `inventory_guard` by what it stopped and `reconcile_drift` by kind of difference, both counts; instants are epoch
    milliseconds.
    """

    backlog: Mapping[tuple[str, str], int] = field(default_factory=dict)
    oldest: Mapping[tuple[str, str], timedelta] = field(default_factory=dict)
    exceptions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    orders_on_hold: int | None = None
    ship_deadline: timedelta | None = None
    orders_today: int | None = None
    orders_daily_limit: int | None = None
    authorized: bool | None = None
    authorization_expires_at_ms: int | None = None
    last_success_at_ms: Mapping[str, int] = field(default_factory=dict)
    inventory_guard: Mapping[str, int] = field(default_factory=dict)
    reconcile_drift: Mapping[str, int] = field(default_factory=dict)
    resync_percent: int | None = None
    resync_left: int | None = None
    store_bytes: int | None = None


class Metrics:
    """The registry of one daemon. Also the `CallObserver` of the callers (apis/pacing.py)."""

    def __init__(self, snapshot: Callable[[], StoreSnapshot | None], flows: Iterable[str] = FLOWS) -> None:
        """`flows` are those this daemon runs: their backlog is shown also when it is empty."""
        # process-wide, and wanted: a second series for each counter says nothing that the first does not
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it without types
        self.registry = CollectorRegistry(auto_describe=True)
        self._flow = _Bounded((*FLOWS, CONNECTION))
        self._system = _Bounded(("tiktok", "pipe17"))
        self._operation = _Bounded()
        self._outcome = _Bounded()
        self._lags: deque[float] = deque([0.0], maxlen=LAG_SAMPLES)
        registry = self.registry
        Gauge("connector_build_info", "The running version.", ["version"], registry=registry).labels(__version__).set(1)
        self._runs = Counter("connector_flow_runs", "Polls of a flow's source.", ["flow", "outcome"], registry=registry)
        self._records = Counter(
            "connector_records", "Records by what became of them.", ["flow", "outcome"], registry=registry
        )
        self._delivery = Histogram(
            "connector_delivery_seconds",
            "From the source's change to acceptance by the other side.",
            ["flow"],
            buckets=DELIVERY_BUCKETS,
            registry=registry,
        )
        self._calls = Counter(
            "connector_http_requests", "Calls to the two sides.", ["system", "operation", "outcome"], registry=registry
        )
        self._call_seconds = Histogram(
            "connector_http_request_seconds",
            "How long calls took.",
            ["system", "operation", "outcome"],
            buckets=CALL_BUCKETS,
            registry=registry,
        )
        self._limited = Counter(
            "connector_rate_limited", "Answers that said: too many calls.", ["system", "operation"], registry=registry
        )
        self._waits = Counter(
            "connector_rate_limit_wait_seconds",
            "Time that calls were held back for their pace.",
            ["system", "operation"],
            registry=registry,
        )
        self._fallbacks = Counter(
            "connector_carrier_fallback", "Shipments that went out under the fallback carrier.", registry=registry
        )
        self._webhooks = Counter(
            "connector_webhooks", "Webhooks by what became of them.", ["source", "outcome"], registry=registry
        )
        lag = Gauge("connector_event_loop_lag_seconds", "The longest recent wait of the event loop.", registry=registry)
        lag.set_function(lambda: max(self._lags))
        read_errors = Counter(
            "connector_store_read_errors", "Scrapes for which the store could not be read.", registry=None
        )
        registry.register(_StoreCollector(snapshot, tuple(flows), read_errors))
        registry.register(read_errors)  # after the one that counts on it, so that a scrape shows its own failure

    def call_finished(self, system: str, operation: str, outcome: str, seconds: float) -> None:
        labels = (self._system(system), self._operation(operation), self._outcome(outcome))
        self._calls.labels(*labels).inc()
        self._call_seconds.labels(*labels).observe(seconds)

    def rate_limited(self, system: str, operation: str) -> None:
        self._limited.labels(self._system(system), self._operation(operation)).inc()

    def waited(self, system: str, operation: str, seconds: float) -> None:
        self._waits.labels(self._system(system), self._operation(operation)).inc(max(0.0, seconds))

    def run_finished(self, flow: str, outcome: str) -> None:
        """A poll of a flow's source ended: ok or failed."""
        self._runs.labels(self._flow(flow), self._outcome(outcome)).inc()

    def record(self, flow: str, outcome: str, count: int = 1) -> None:
        """Records came to one of `RECORD_OUTCOMES`."""
        self._records.labels(self._flow(flow), outcome if outcome in RECORD_OUTCOMES else "other").inc(count)

    def delivered(self, flow: str, seconds: float) -> None:
        """The other side accepted something that changed `seconds` ago at its source."""
        self._delivery.labels(self._flow(flow)).observe(max(0.0, seconds))

    def carrier_fallback(self) -> None:
        """A shipment went out under the fallback carrier."""
        self._fallbacks.inc()

    def webhook(self, source: str, outcome: str) -> None:
        """A webhook came in: `source` is tiktok or pipe17; stored, duplicate, forged, malformed ..."""
        self._webhooks.labels(self._system(source), self._outcome(outcome)).inc()

    def loop_lag(self, seconds: float) -> None:
        """How late a sleep came back; the metric is the worst of the last `LAG_SAMPLES`."""
        self._lags.append(max(0.0, seconds))

    def exposition(self) -> bytes:
        """Everything, in Prometheus' text format (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)


class _Bounded:
    """Lets label values through as long as they look like ours and are few."""

    def __init__(self, only: Iterable[str] = ()) -> None:
        self._seen = set(only)
        self._closed = bool(self._seen)

    def __call__(self, value: str) -> str:
        if value in self._seen:
            return value
        if self._closed or len(self._seen) >= VALUES_MAX or not _NAME.fullmatch(value):
            return "other"
        self._seen.add(value)
        return value


class _StoreCollector(Collector):
    """The metrics that are read at scrape time."""

    def __init__(
        self, snapshot: Callable[[], StoreSnapshot | None], flows: tuple[str, ...], read_errors: Counter
    ) -> None:
        self._snapshot = snapshot
        self._flows = flows
        self._read_errors = read_errors
        self._flow = _Bounded((*FLOWS, CONNECTION))
        self._code = _Bounded()

    def describe(self) -> Iterable[Metric]:
        return _families(StoreSnapshot(), self._flows, self._flow, self._code)

    def collect(self) -> Iterable[Metric]:
        try:
            snapshot = self._snapshot()
        except Exception:  # whatever the store's trouble is, the counters must still be readable
            snapshot = None
        if snapshot is None:
            self._read_errors.inc()
            return []
        return _families(snapshot, self._flows, self._flow, self._code)


def _families(
    snapshot: StoreSnapshot, flows: tuple[str, ...], flow: Callable[[str], str], code: Callable[[str], str]
) -> list[Metric]:
    states = [state.value for state in OPEN]
    rows: dict[tuple[str, ...], float] = {(name, state): 0 for name in flows for state in states}
    ages = dict(rows)
    for (name, state), count in snapshot.backlog.items():
        if state in states:
            rows[flow(name), state] = rows.get((flow(name), state), 0) + count
    for (name, state), age in snapshot.oldest.items():
        if state in states:
            ages[flow(name), state] = max(ages.get((flow(name), state), 0), age.total_seconds())
    exceptions: dict[tuple[str, ...], float] = {}
    for (name, reason), count in snapshot.exceptions.items():
        exceptions[flow(name), code(reason)] = exceptions.get((flow(name), code(reason)), 0) + count
    successes: dict[tuple[str, ...], float] = {}
    for name, at_ms in snapshot.last_success_at_ms.items():
        successes[(flow(name),)] = max(successes.get((flow(name),), 0), at_ms / 1000)
    guard, drift = _by_kind(snapshot.inventory_guard, code), _by_kind(snapshot.reconcile_drift, code)
    expiry = snapshot.authorization_expires_at_ms
    expiry_seconds = None if expiry is None else expiry / 1000
    deadline_seconds = None if snapshot.ship_deadline is None else snapshot.ship_deadline.total_seconds()
    return [
        _labelled("backlog_items", "Things owed.", ("flow", "state"), rows),
        _labelled("backlog_oldest_seconds", "Age of the oldest thing owed.", ("flow", "state"), ages),
        _labelled("exceptions_open", "Exceptions that wait for a person.", ("flow", "code"), exceptions),
        _labelled("flow_last_success_timestamp_seconds", "When a flow last succeeded.", ("flow",), successes),
        _labelled("inventory_guard_tripped", "Inventory changes that wait for approval.", ("kind",), guard),
        _single("resync_percent", "How much of the last resync of stock is done.", snapshot.resync_percent),
        _single("resync_left_items", "Stock levels that a resync has still to send.", snapshot.resync_left),
        _labelled("reconcile_drift", "Differences that the last reconcile found.", ("kind",), drift),
        _single("orders_on_hold", "Orders whose hold has not ended.", snapshot.orders_on_hold),
        _single("ship_deadline_seconds", "Time left to the nearest ship-by; negative when passed.", deadline_seconds),
        _single("orders_today", "Orders of the shop's day, where it has a limit.", snapshot.orders_today),
        _single("orders_daily_limit", "Orders a day that TikTok allows (a setting).", snapshot.orders_daily_limit),
        _single("authorized", "1 while TikTok Shop accepts our authorization.", snapshot.authorized),
        _single("authorization_expiry_timestamp_seconds", "When the authorization ends.", expiry_seconds),
        _single("store_bytes", "Size of the store on disk.", snapshot.store_bytes),
    ]


def _by_kind(counts: Mapping[str, int], name: Callable[[str], str]) -> dict[tuple[str, ...], float]:
    kinds: dict[tuple[str, ...], float] = {}
    for kind, count in counts.items():
        kinds[(name(kind),)] = kinds.get((name(kind),), 0) + count
    return kinds


def _labelled(name: str, help: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(f"connector_{name}", help, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(key, value)
    return family


def _single(name: str, help: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(f"connector_{name}", help, labels=())
    if value is not None:
        family.add_metric((), float(value))
    return family
