"""The metrics: promised names and labels, what a scrape shows, and the bounds of label values."""

from __future__ import annotations

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from daemon import __version__
from daemon.apis.pacing import CallObserver
from daemon.ops.metrics import VALUES_MAX, Metrics, StoreSnapshot

PROMISED = {
    "connector_build_info": {"version"},
    "connector_flow_last_success_timestamp_seconds": {"flow"},
    "connector_flow_runs_total": {"flow", "outcome"},
    "connector_records_total": {"flow", "outcome"},
    "connector_backlog_items": {"flow", "state"},
    "connector_backlog_oldest_seconds": {"flow", "state"},
    "connector_delivery_seconds": {"flow"},
    "connector_http_requests_total": {"system", "operation", "outcome"},
    "connector_http_request_seconds": {"system", "operation", "outcome"},
    "connector_rate_limited_total": {"system", "operation"},
    "connector_rate_limit_wait_seconds_total": {"system", "operation"},
    "connector_exceptions_open": {"flow", "code"},
    "connector_orders_on_hold": set(),
    "connector_ship_deadline_seconds": set(),
    "connector_orders_today": set(),
    "connector_orders_daily_limit": set(),
    "connector_authorization_expiry_timestamp_seconds": set(),
    "connector_authorized": set(),
    "connector_webhooks_total": {"source", "outcome"},
    "connector_carrier_fallback_total": set(),
    "connector_inventory_guard_tripped": {"kind"},
    "connector_reconcile_drift": {"kind"},
    "connector_resync_left_items": set(),
    "connector_resync_percent": set(),
    "connector_store_bytes": set(),
    "connector_event_loop_lag_seconds": set(),
    "connector_store_read_errors_total": set(),
}
HISTOGRAMS = {"connector_delivery_seconds", "connector_http_request_seconds"}

FULL = StoreSnapshot(
    backlog={("orders", "held"): 3, ("orders", "dead"): 1, ("orders", "done"): 900},
    oldest={("orders", "held"): timedelta(minutes=50)},
    exceptions={("fulfillments", "carrier_unmapped"): 2},
    orders_on_hold=3,
    ship_deadline=timedelta(hours=-1),
    orders_today=81,
    orders_daily_limit=100,
    authorized=True,
    authorization_expires_at_ms=1_800_000_000_500,
    last_success_at_ms={"orders": 1_700_000_000_250},
    inventory_guard={"zero": 1},
    reconcile_drift={"only_here": 4},
    resync_percent=40,
    resync_left=600,
    store_bytes=4096,
)


def samples(metrics: Metrics) -> list[Sample]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return [sample for family in families for sample in family.samples]


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    found = [sample.value for sample in samples(metrics) if sample.name == name and sample.labels == labels]
    assert len(found) <= 1
    return found[0] if found else None


def everything(snapshot: StoreSnapshot | None = FULL) -> Metrics:
    metrics = Metrics(lambda: snapshot)
    metrics.call_finished("tiktok", "orders.search", "ok", 0.2)
    metrics.rate_limited("pipe17", "orders.create")
    metrics.waited("pipe17", "orders.create", 1.5)
    metrics.run_finished("orders", "ok")
    metrics.record("orders", "delivered", 2)
    metrics.delivered("orders", 61.0)
    metrics.webhook("tiktok", "stored")
    metrics.loop_lag(0.25)
    return metrics


def test_exactly_the_promised_names_and_labels() -> None:
    found: dict[str, set[str]] = {}
    for sample in samples(everything()):
        name = sample.name
        for histogram in HISTOGRAMS:
            if name in {f"{histogram}_bucket", f"{histogram}_sum", f"{histogram}_count"}:
                name = histogram
        found.setdefault(name, set()).update(set(sample.labels) - {"le"})
    assert found == PROMISED


def test_what_happens_is_counted() -> None:
    metrics = everything()
    call = {"system": "tiktok", "operation": "orders.search", "outcome": "ok"}
    pace = {"system": "pipe17", "operation": "orders.create"}
    assert value(metrics, "connector_http_requests_total", **call) == 1
    assert value(metrics, "connector_http_request_seconds_sum", **call) == pytest.approx(0.2)
    assert value(metrics, "connector_rate_limited_total", **pace) == 1
    assert value(metrics, "connector_rate_limit_wait_seconds_total", **pace) == pytest.approx(1.5)
    assert value(metrics, "connector_records_total", flow="orders", outcome="delivered") == 2
    assert value(metrics, "connector_delivery_seconds_count", flow="orders") == 1
    assert value(metrics, "connector_build_info", version=__version__) == 1


def test_what_is_comes_from_the_store_at_scrape_time() -> None:
    now: list[StoreSnapshot] = [FULL]
    metrics = Metrics(lambda: now[-1], flows=("orders",))
    assert value(metrics, "connector_backlog_items", flow="orders", state="held") == 3
    assert value(metrics, "connector_backlog_items", flow="orders", state="ready") == 0
    assert value(metrics, "connector_backlog_items", flow="orders", state="done") is None
    assert value(metrics, "connector_backlog_oldest_seconds", flow="orders", state="held") == 3000
    assert value(metrics, "connector_exceptions_open", flow="fulfillments", code="carrier_unmapped") == 2
    assert value(metrics, "connector_ship_deadline_seconds") == -3600
    assert value(metrics, "connector_orders_today") == 81
    assert value(metrics, "connector_orders_daily_limit") == 100
    assert value(metrics, "connector_authorized") == 1
    assert value(metrics, "connector_authorization_expiry_timestamp_seconds") == 1_800_000_000.5
    assert value(metrics, "connector_flow_last_success_timestamp_seconds", flow="orders") == 1_700_000_000.25
    now.append(StoreSnapshot(authorized=False, orders_on_hold=0))
    assert value(metrics, "connector_authorized") == 0
    assert value(metrics, "connector_orders_on_hold") == 0
    assert value(metrics, "connector_exceptions_open", flow="fulfillments", code="carrier_unmapped") is None


@pytest.mark.parametrize(
    "name",
    ["connector_authorized", "connector_ship_deadline_seconds", "connector_store_bytes", "connector_orders_on_hold",
     "connector_orders_today", "connector_orders_daily_limit",
     "connector_authorization_expiry_timestamp_seconds"],
)  # fmt: skip
def test_unknown_is_absent_and_not_zero(name: str) -> None:
    assert value(Metrics(StoreSnapshot), name) is None


def test_a_store_that_cannot_be_read_leaves_the_counters_readable() -> None:
    def broken() -> StoreSnapshot:
        raise OSError("disk I/O error")

    metrics = Metrics(broken)
    metrics.run_finished("orders", "failed")
    assert value(metrics, "connector_store_read_errors_total") == 1
    assert value(metrics, "connector_store_read_errors_total") == 2
    assert value(metrics, "connector_flow_runs_total", flow="orders", outcome="failed") == 1
    assert value(metrics, "connector_backlog_items", flow="orders", state="held") is None
    assert value(everything(None), "connector_store_read_errors_total") == 1


def test_label_values_are_bounded() -> None:
    exceptions = {("orders", f"code_{number}"): 1 for number in range(3 * VALUES_MAX)}
    exceptions[("orders", "Ana Müller, 5 Main St")] = 1
    metrics = Metrics(lambda: StoreSnapshot(exceptions=exceptions, backlog={("my_flow", "held"): 1}))
    for number in range(3 * VALUES_MAX):
        metrics.call_finished("tiktok", f"operation{number}", "ok", 0.1)
    metrics.call_finished("someone", "orders.search", "HTTP 500: Ana", 0.1)
    metrics.record("orders", "576461413038785752")
    found = samples(metrics)
    for label in ("operation", "code", "outcome", "flow", "system"):
        assert len({sample.labels[label] for sample in found if label in sample.labels}) <= VALUES_MAX + 1
    text = metrics.exposition().decode()
    for leak in ("Ana", "576461413038785752", "my_flow", "someone"):
        assert leak not in text
    codes = [sample for sample in found if sample.name == "connector_exceptions_open"]
    assert sum(sample.value for sample in codes) == 3 * VALUES_MAX + 1


def test_loop_lag_is_the_worst_of_late() -> None:
    metrics = Metrics(StoreSnapshot)
    metrics.loop_lag(2.0)
    for _ in range(5):
        metrics.loop_lag(0.1)
    assert value(metrics, "connector_event_loop_lag_seconds") == 2.0
    for _ in range(50):
        metrics.loop_lag(0.1)
    assert value(metrics, "connector_event_loop_lag_seconds") == pytest.approx(0.1)


def test_a_clock_that_went_back_does_not_break_a_counter() -> None:
    metrics = Metrics(StoreSnapshot)
    metrics.waited("tiktok", "orders.search", -1.0)
    metrics.delivered("orders", -5.0)
    assert value(metrics, "connector_delivery_seconds_sum", flow="orders") == 0


def test_two_daemons_in_one_process_do_not_share_a_registry() -> None:
    first, second = everything(), Metrics(StoreSnapshot)
    assert value(first, "connector_flow_runs_total", flow="orders", outcome="ok") == 1
    assert value(second, "connector_flow_runs_total", flow="orders", outcome="ok") is None


def test_it_is_the_observer_of_the_callers() -> None:
    observer: CallObserver = Metrics(StoreSnapshot)
    observer.call_finished("tiktok", "token.refresh", "reauth", 0.1)
