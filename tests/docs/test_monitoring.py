"""Alerts, dashboard and runbook speak of metrics, labels, codes and alerts that exist, and leave none out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from daemon.core.lifecycle import OPEN
from daemon.ops.cures import CURES
from daemon.ops.metrics import RECORD_OUTCOMES, Metrics, StoreSnapshot
from tests.docs.generated import ANY_OTHER, ROOT, RUNBOOK, cures, meaning_and_cure, runbook

MONITORING = ROOT / "monitoring"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES}
TESTS: list[dict[str, Any]] = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
BOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
NOT_YET = {"connector_reconcile_drift"}
"""Promised names without a value in this version: nothing compares both sides yet."""
OF_PROMETHEUS = {"up": {"job", "instance"}, "ALERTS": {"alertname", "alertstate"}}
ADDED_BY_SCRAPING = {"job", "instance"}

_WORD = re.compile(r"\b(?:connector_\w+|up\b|ALERTS\b)")
_SELECTOR = re.compile(r"(connector_\w+|\bup|ALERTS)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_BY = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")


def exposition() -> dict[str, set[str]]:
    """Every series that a scrape of this version can show, with its labels."""
    snapshot = StoreSnapshot(
        backlog={("orders", "ready"): 1},
        oldest={("orders", "ready"): timedelta(seconds=1)},
        exceptions={("orders", "recall"): 1},
        orders_on_hold=1,
        orders_today=1,
        orders_daily_limit=1,
        ship_deadline=timedelta(hours=1),
        authorized=True,
        authorization_expires_at_ms=1,
        last_success_at_ms={"orders": 1},
        inventory_guard={"zeroed": 1},
        resync_percent=50,
        resync_left=1,
        reconcile_drift={"only_here": 1},
        store_bytes=1,
    )
    metrics = Metrics(lambda: snapshot)
    metrics.call_finished("tiktok", "orders.search", "ok", 0.2)
    metrics.rate_limited("tiktok", "orders.search")
    metrics.waited("tiktok", "orders.search", 1.0)
    metrics.run_finished("orders", "ok")
    metrics.record("orders", "delivered")
    metrics.delivered("orders", 1.0)
    metrics.webhook("tiktok", "stored")
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def expressions() -> list[tuple[str, str]]:
    """(where, PromQL) of every alert and every panel."""
    of_rules = [(f"alert {rule['alert']}", rule["expr"]) for rule in RULES]
    return of_rules + [(f"panel {panel['title']}", one["expr"]) for panel in PANELS for one in panel["targets"]]


SERIES = exposition()
EXPRESSIONS = expressions()
NAMES = [where for where, _ in EXPRESSIONS]


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=NAMES)
def test_every_metric_and_every_label_that_is_used_exists(where: str, expression: str) -> None:
    known = SERIES | OF_PROMETHEUS
    used = set(_WORD.findall(expression))
    assert used, f"{where} uses no metric"
    assert used <= set(known), f"{where} uses {sorted(used - set(known))}, which no scrape shows"
    for name, matchers in _SELECTOR.findall(expression):
        for label, _, _ in _MATCHER.findall(matchers):
            assert label in known[name] | ADDED_BY_SCRAPING, f"{where}: {name} has no label {label}"
    some = set().union(*(known[name] for name in used)) | ADDED_BY_SCRAPING
    for group in _BY.findall(expression):
        named = {label.strip() for label in group.split(",")}
        assert named <= some, f"{where} groups by {sorted(named - some)}"


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=NAMES)
def test_every_label_value_that_is_used_can_occur(where: str, expression: str) -> None:
    can = {
        "state": {state.value for state in OPEN},
        "flow": {"orders", "fulfillments", "cancellations", "messages", "references"},
        "code": set(CURES),
        "source": {"tiktok"},
        "job": {"tiktok-pipe17"},
    }
    for _, matchers in _SELECTOR.findall(expression):
        for label, operator, value in _MATCHER.findall(matchers):
            values = set(value.split("|")) if operator in ("=~", "!~") else {value}
            if label in can:
                assert values <= can[label], f"{where}: {label} is never {sorted(values - can[label])}"


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    shown = {_family(name) for _, expression in EXPRESSIONS for name in _WORD.findall(expression)}
    assert {_family(name) for name in SERIES} - shown == NOT_YET


def test_what_this_version_cannot_measure_is_in_no_alert_and_on_no_panel() -> None:
    assert not [where for where, expression in EXPRESSIONS if any(name in expression for name in NOT_YET)]


def test_the_outcomes_that_panels_explain_are_those_of_the_code() -> None:
    explained = next(panel for panel in PANELS if panel["title"] == "Orders a minute, by outcome")["description"]
    assert set(re.findall(r"(\w+):", explained)) == set(RECORD_OUTCOMES)


def _family(series: str) -> str:
    return re.sub(r"_(bucket|count|sum)$", "", series)


@pytest.mark.parametrize("rule", RULES, ids=list(ALERTS))
def test_an_alert_says_how_bad_it_is_what_to_do_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    texts = rule["annotations"]
    assert set(texts) == {"summary", "description", "runbook"}
    assert 15 < len(texts["summary"]) < 160
    assert texts["summary"].endswith(".")
    assert texts["description"].endswith(".")
    path, _, anchor = texts["runbook"].partition("#")
    assert (ROOT / path).is_file()
    assert anchor == rule["alert"].lower()


def test_alerts_have_names_of_their_own() -> None:
    assert len(ALERTS) == len(RULES)


def test_exceptions_are_alerted_once_each() -> None:
    """What ConnectorActNow and the alerts of the connections take, ConnectorExceptionsOpen leaves out."""
    urgent, of_pipe17, others = (
        set(_MATCHER.findall(ALERTS[name]["expr"])[0][2].split("|"))
        for name in ("ConnectorActNow", "ConnectorPipe17Refused", "ConnectorExceptionsOpen")
    )
    of_tiktok = {code for code in CURES if code.startswith("tiktok_")}
    assert others == urgent | of_pipe17 | of_tiktok


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    for alert in ALERTS:
        cases = [case for case in TESTS if alert in case["name"] or alert.replace("Connector", "...") in case["name"]]
        cases += [case for case in TESTS if "ConnectorAuthorizationEndsIn" in alert and alert[-5:] in case["name"]]
        moments = [moment["exp_samples"] for case in cases for moment in case["promql_expr_test"]]
        fires = [bool([one for one in samples if f'"{alert}"' in one["labels"]]) for samples in moments]
        assert any(fires), f"{alert} never fires in alerts_test.yml"
        assert not all(fires), f"{alert} always fires in alerts_test.yml"


def promtool(*arguments: str) -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed; CI installs it (the package prometheus)")
    done = subprocess.run(
        [program, *arguments], cwd=MONITORING, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_the_rules() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", "alerts.yml")


def test_promtool_sees_every_alert_fire_and_keep_still() -> None:
    promtool("test", "rules", "alerts_test.yml")


def test_promtool_finds_nothing_wrong_with_the_names_of_the_metrics() -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed; CI installs it (the package prometheus)")
    text = Metrics(lambda: StoreSnapshot()).exposition()
    done = subprocess.run([program, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()


def test_the_scrape_in_the_alerts_and_in_the_readme_is_the_same_job() -> None:
    for text in ((MONITORING / "alerts.yml").read_text(), (ROOT / "README.md").read_text()):
        assert "job_name: tiktok-pipe17" in text
        assert '"127.0.0.1:9817"' in text


def test_panels_have_ids_of_their_own_a_title_and_an_explanation() -> None:
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"], panel["title"]
        assert panel["targets"], panel["title"]


def test_the_dashboard_can_be_imported_anywhere() -> None:
    assert BOARD["id"] is None
    assert BOARD["uid"]
    variables = {variable["name"]: variable for variable in BOARD["templating"]["list"]}
    assert variables["datasource"]["query"] == "prometheus"
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"]), panel["title"]
        assert all("$instance" in target["expr"] for target in panel["targets"]), panel["title"]


def test_panels_lie_side_by_side_on_one_screen() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies on another panel"
        taken |= cells
    assert max(x for x, _ in taken) < 24
    assert max(y for _, y in taken) < 48


def headings(level: int) -> list[str]:
    found = re.findall(rf"^{'#' * level} (.+)$", RUNBOOK.read_text(), re.MULTILINE)
    return [heading.replace("`", "") for heading in found]


def test_the_runbook_has_one_entry_for_every_alert_and_every_code_and_no_other() -> None:
    entries = headings(3)
    assert len(set(entries)) == len(entries)
    assert set(entries) == set(ALERTS) | set(cures())


def test_the_runbook_gives_the_meanings_and_cures_of_the_code() -> None:
    text = RUNBOOK.read_text()
    assert text == runbook(text), "run: python -m tests.docs.generated"


def _entries() -> dict[str, str]:
    parts = re.split(r"^#{2,3} (.+)\n", RUNBOOK.read_text(), flags=re.MULTILINE)
    return {title.replace("`", ""): body for title, body in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize("code", [*cures()])
def test_an_entry_about_a_code_says_more_than_the_code_does(code: str) -> None:
    means, does, *more = [line for line in _entries()[code].splitlines() if line]
    assert f"{means}\n{does}" == meaning_and_cure(cures()[code])
    assert more, "a sentence of a person is missing"


def test_entries_about_alerts_have_the_severity_of_the_rule() -> None:
    bodies = _entries()
    said = {alert: re.findall(r"^\*(\w+)\*$", bodies[alert], re.MULTILINE) for alert in ALERTS}
    assert said == {alert: [rule["labels"]["severity"]] for alert, rule in ALERTS.items()}


def test_urgent_codes_are_marked_urgent_in_the_runbook() -> None:
    urgent = set(_MATCHER.findall(ALERTS["ConnectorActNow"]["expr"])[0][2].split("|"))
    marked = {title for title, body in _entries().items() if "**Urgent:**" in body and title != "ConnectorActNow"}
    assert marked == urgent


def test_links_within_the_runbook_lead_somewhere() -> None:
    targets = {heading.lower().replace(" ", "-") for level in (1, 2, 3) for heading in headings(level)}
    links = set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK.read_text()))
    assert links
    assert links <= targets
    assert ANY_OTHER.replace(" ", "-") in targets


def test_the_texts_name_only_files_that_exist() -> None:
    for path in (MONITORING / "alerts.yml", MONITORING / "alerts_test.yml", RUNBOOK):
        for named in re.findall(r"\b(?:tests|monitoring|daemon)/[\w/]+\.\w+", path.read_text()):
            assert (Path(ROOT) / named).exists(), f"{path.name} names {named}"
