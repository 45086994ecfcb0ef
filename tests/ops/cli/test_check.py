"""`check` against both simulated services over real sockets: each thing that can be wrong, its cure, its status."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon.apis.pipe17.webhooks import TOPICS
from daemon.ops.cli.check_here import check_clock
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.pipe17 import Totals
from daemon.store import webhook_secret
from daemon.store.database import take_lock
from daemon.store.sealing import Seal

Command = Callable[..., Any]


@pytest.fixture
def connected(house: Any, command: Command) -> Any:
    """A house whose owner has granted access."""
    assert command("connect", "--code", house.tiktok.issue_code()).status == 0
    return house


def lines(ran: Any, grade: str) -> list[tuple[str, str, str]]:
    """(area, what, cure) of the findings of one grade."""
    return [(one["area"], one["what"], one["cure"]) for one in ran.json["findings"] if one["grade"] == grade]


def test_all_is_well(connected: Any, command: Command) -> None:
    ran = command("check")
    assert ran.status == 0, ran.out
    assert "\n0 failed, 0 to look at" in ran.out
    for area in ("settings", "store", "disk", "TikTok", "shop", "carriers", "webhooks", "checklist", "clock", "Pipe17"):
        assert f"ok    {area}" in ran.out
    for secret in connected.tiktok.grants.access | connected.tiktok.grants.refresh:
        assert secret not in ran.out + ran.err
    assert not [call for call in connected.pipe17.calls if call.method != "GET"]


def test_beside_a_running_daemon_nothing_is_renewed(connected: Any, command: Command, environment: Path) -> None:
    lock = take_lock(environment)
    assert command("check").status == 0
    connected.tiktok.expire_access_tokens()
    refreshes = connected.tiktok.grants.refreshes
    ran = command("check", "--json")
    os.close(lock)
    assert any("only the running daemon may renew" in what for _, what, _ in lines(ran, "warn"))
    assert connected.tiktok.grants.refreshes == refreshes
    assert command("check").status == 0
    assert connected.tiktok.grants.refreshes == refreshes + 1


def test_before_the_grant(house: Any, command: Command) -> None:
    ran = command("check", "--json")
    assert ran.status == 1
    assert ("TikTok", "there is no grant yet", "run `tiktok-pipe17 connect`") in lines(ran, "FAIL")


def test_a_first_refresh_token_is_tried(house: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_REFRESH_TOKEN", house.tiktok.tokens()["refresh_token"])
    assert command("check").status == 0
    monkeypatch.delenv("TIKTOK_REFRESH_TOKEN")
    assert command("check").status == 0


def test_nobody_there_is_69(connected: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("PIPE17_API_URL", "http://127.0.0.1:1/api/v3")
    ran = command("check", "--json")
    assert ran.status == 69
    assert [area for area, _, _ in lines(ran, "FAIL")] == ["TikTok", "Pipe17"]


def test_a_wrong_pipe17_key(connected: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPE17_API_KEY", "canary-wrong-pipe17-key")
    ran = command("check", "--json")
    ((area, _, cure),) = lines(ran, "FAIL")
    assert (ran.status, area, "PIPE17_API_KEY" in cure) == (1, "Pipe17", True)
    assert "canary-wrong" not in ran.out + ran.err


def test_a_pipe17_key_without_grants(connected: Any, command: Command) -> None:
    connected.pipe17.options.grants = {"orders": "crul"}
    ran = command("check", "--json")
    assert [what for _, what, _ in lines(ran, "FAIL")] == [
        "the key may not list fulfillments",
        "the key may not list shipments",
        "the key may not list products",
        "the key may not list locations",
        "the key may not list inventory",
    ]


def test_a_sub_account_without_the_order_scope(house: Any, command: Command) -> None:
    scopes = tuple(one for one in house.tiktok.tokens()["granted_scopes"] if one != "seller.order.info")
    command("connect", "--code", house.tiktok.issue_code(scopes))
    ran = command("check", "--json")
    named = [(what, cure) for area, what, cure in lines(ran, "FAIL") if area == "TikTok"]
    assert all("seller.order.info" in what and "Partner Center" in cure for what, cure in named)
    assert len(named) == 2
    assert ran.status == 1


@pytest.mark.parametrize(
    ("scope", "setting"),
    [("seller.customer_service", "ORDERS_MESSAGE"), ("seller.order.ext_ref.write", "ORDERS_PUSH_REFERENCES")],
)
def test_the_scope_of_what_follows_an_order_is_named_where_it_is_switched_on(
    scope: str, setting: str, house: Any, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    scopes = tuple(one for one in house.tiktok.tokens()["granted_scopes"] if one != scope)
    command("connect", "--code", house.tiktok.issue_code(scopes))
    on, off = ("Thanks", "") if setting == "ORDERS_MESSAGE" else ("true", "false")
    monkeypatch.setenv(setting, on)
    ran = command("check", "--json")
    assert [what for area, what, _ in lines(ran, "FAIL") if area == "TikTok"] == [
        f"the grant lacks {scope}, which the flows in use need"
    ]
    monkeypatch.setenv(setting, off)
    assert command("check", "--json").status == 0


def test_a_revoked_grant(connected: Any, command: Command) -> None:
    connected.tiktok.revoke_grant()
    ran = command("check", "--json")
    ((_, _, cure),) = lines(ran, "FAIL")
    assert "connect" in cure
    assert ran.status == 1


def test_a_grant_that_ends_soon(house: Any, command: Command) -> None:
    house.tiktok.options.grant_ms = 29 * 86_400_000
    command("connect", "--code", house.tiktok.issue_code())
    assert any(
        "ends in 28 d" in what or "ends in 29 d" in what for _, what, _ in lines(command("check", "--json"), "warn")
    )


def test_several_shops(connected: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    one = connected.tiktok.grants.shops(None)["shops"][0]
    second = {**one, "id": "7495000000000000002", "name": "Sim Shop UK"}
    connected.tiktok._handlers["shops.list"] = lambda ask: {"shops": [one, second]}
    ran = command("check", "--json")
    ((area, what, cure),) = lines(ran, "FAIL")
    assert (area, cure) == ("shop", "set TIKTOK_SHOP_ID to one of these ids")
    assert "7495000000000000002 (Sim Shop UK, US)" in what
    monkeypatch.setenv("TIKTOK_SHOP_ID", "7495000000000000002")
    assert command("check").status == 0


def test_the_shop_checklist(connected: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    connected.tiktok.logistics.failed.update(
        {"BANk_ACCOUNT": ["no account"], "RETURN_WAREHOUSE": ["none set"], "SOMETHING_NEW": []}
    )
    ran = command("check", "--json")
    assert [what for area, what, _ in lines(ran, "warn") if area == "checklist"] == [
        "RETURN_WAREHOUSE (return warehouse): none set",
        "BANk_ACCOUNT (bank account): no account",
        "SOMETHING_NEW (an item this version does not know): TikTok gives no reason",
    ]
    assert ran.status == 0
    monkeypatch.setenv("PRODUCTS", "push")
    assert command("check").status == 1


@pytest.mark.parametrize("orders", [0, 1])
def test_carriers(connected: Any, command: Command, monkeypatch: pytest.MonkeyPatch, orders: int) -> None:
    for _ in range(orders):
        connected.tiktok.place_order()
    monkeypatch.setenv("FULFILLMENTS_FALLBACK_CARRIER", "usps")
    monkeypatch.setenv("FULFILLMENTS_CARRIER_MAP", "Purolator:Pigeon Post,Canpar:UPS")
    ran = command("check", "--json")
    wrong = lines(ran, "FAIL" if orders else "warn")
    assert [what.split(",")[0] for area, what, _ in wrong if area == "carriers"] == [
        "FULFILLMENTS_CARRIER_MAP names 'Pigeon Post'"
    ]
    assert ran.status == orders
    right = [what for area, what, _ in lines(ran, "ok") if area == "carriers"]
    assert any("'UPS'" in what for what in right)
    assert any("'usps'" in what for what in right)


def test_webhooks_that_are_not_registered(connected: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_PUBLIC_URL", "https://shop.example.org")
    (_, what, cure), (_, theirs, _) = [
        line for line in lines(command("check", "--json"), "warn") if line[0] == "webhooks"
    ]
    assert theirs == (
        "Pipe17 does not deliver orders, fulfillments, products, inventory to "
        "https://shop.example.org/webhooks/pipe17/..."
    )
    assert "https://shop.example.org/webhooks/tiktok" in what
    assert "registers" in cure


def test_webhooks_of_pipe17(
    connected: Any, command: Command, in_store: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTOR_PUBLIC_URL", "https://shop.example.org")
    in_store(lambda tx: webhook_secret.keep(tx, Seal(None), "the-secret", 1))
    mine = {"webhookId": "1" * 16, "url": "https://shop.example.org/webhooks/pipe17/the-secret", "topics": list(TOPICS)}
    mine["apikey"] = connected.pipe17.options.api_key
    registered = connected.pipe17.hooks.registered
    registered["1"] = mine

    def said(grade: str) -> list[str]:
        ran = command("check", "--json")
        assert "the-secret" not in ran.out
        return [what for area, what, _ in lines(ran, grade) if area == "webhooks" and "Pipe17" in what]

    assert len(said("ok")) == 1
    registered["2"] = mine | {"url": "https://shop.example.org/webhooks/pipe17/older"}
    (what,) = said("warn")
    assert "2 webhooks that begin with" in what
    del registered["1"]
    assert "does not deliver" in said("warn")[0]
    connected.pipe17.faults.add(Fault(FaultKind.REFUSE, "webhooks.list", status=403, times=2))
    assert said("warn") == ["the Pipe17 key may not list webhooks"]
    connected.pipe17.faults.clear()
    connected.pipe17.faults.add(Fault(FaultKind.SERVER_ERROR, "webhooks.list", times=1))
    assert "cannot be listed" in said("warn")[0]


def test_a_planned_setting_and_an_open_door(connected: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRODUCTS_PROMOTIONS", "true")
    monkeypatch.setenv("CONNECTOR_LISTEN", "0.0.0.0:9817")
    monkeypatch.delenv("CONNECTOR_ADMIN_TOKEN")
    warned = [what for _, what, _ in lines(command("check", "--json"), "warn")]
    assert any(what.startswith("PRODUCTS_PROMOTIONS has no effect") for what in warned)
    assert any("CONNECTOR_ADMIN_TOKEN" in what for what in warned)


def test_the_store_and_its_disk(
    connected: Any, command: Command, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.chmod(0o644)
    usage = shutil.disk_usage(environment.parent)._replace(free=50_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    ran = command("check", "--json")
    assert [(area, what) for area, what, _ in lines(ran, "FAIL")] == [("disk", "only 50.0 MB free for the store")]
    assert [cure for area, _, cure in lines(ran, "warn") if area == "store"] == [f"chmod 600 {environment}"]


def test_a_store_that_is_none(connected: Any, command: Command, environment: Path) -> None:
    environment.unlink()
    environment.write_bytes(b"something else altogether, and long enough for a header" * 20)
    ran = command("check", "--json")
    assert ran.status == 1
    assert [area for area, _, _ in lines(ran, "FAIL")] == ["store"]


@pytest.mark.parametrize(
    ("ahead", "grade"),
    [
        ("3s", "ok"),
        ("-4s", "ok"),
        ("20s", "warn"),
        ("-200s", "warn"),
        ("31s", "FAIL"),
        ("600s", "FAIL"),
        ("-301s", "FAIL"),
    ],
)
def test_the_clock(ahead: str, grade: str) -> None:
    host_ahead = timedelta(seconds=int(ahead[:-1]))
    finding = check_clock(-int(host_ahead.total_seconds() * 1000))
    assert finding.grade == grade
    if grade != "ok":
        assert "-5 min to +30 s" in finding.what
        assert ("ahead of" if host_ahead > timedelta() else "behind") in finding.what


def test_the_clock_is_heard_from_tiktok(connected: Any, command: Command) -> None:
    connected.tiktok.clock.correct(-600_000)
    ran = command("check", "--json")
    ((_, what, _),) = [line for line in lines(ran, "FAIL") if line[0] == "clock"]
    assert what.startswith("this host is 10 min ahead of TikTok")


def test_a_side_in_trouble_is_said_and_the_rest_goes_on(connected: Any, command: Command) -> None:
    connected.tiktok.faults.add(Fault(FaultKind.RATE_LIMIT, "orders.search"))
    connected.pipe17.faults.add(Fault(FaultKind.SERVER_ERROR, "fulfillments.list"))
    ran = command("check", "--json")
    assert [area for area, _, _ in lines(ran, "FAIL")] == ["TikTok", "Pipe17"]
    assert any(what == "may list orders, shipments, products, locations, inventory" for _, what, _ in lines(ran, "ok"))


def test_locations_that_settings_name(connected: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    known = connected.pipe17.keeper.add_location("Shop floor", "5ad3709be8c41f99")
    connected.pipe17.keeper.add_stock("A", 3, "5ad3709be8c41f01")
    monkeypatch.setenv("INVENTORY_LOCATIONS_EXCEPT", f"{known},nowhere")
    monkeypatch.setenv("INVENTORY_LOCATION", "5ad3709be8c41f01")
    ran = command("check", "--json")
    assert ran.status == 1
    said = [what for _, what, _ in lines(ran, "FAIL")]
    assert said == ["INVENTORY_LOCATIONS_EXCEPT names nowhere, and Pipe17 has no such location"]


@pytest.mark.parametrize("answer", [Totals.REFUSED, Totals.FORBIDDEN, Totals.IGNORED])
def test_a_pipe17_without_totals_is_said(connected: Any, command: Command, answer: Totals) -> None:
    connected.pipe17.keeper.add_stock("A", 3)
    assert any("shows totals of stock" in what for _, what, _ in lines(command("check", "--json"), "ok"))
    connected.pipe17.options.totals = answer
    ran = command("check", "--json")
    assert ran.status == 0
    ((_, what, cure),) = [line for line in lines(ran, "warn") if "totals" in line[1]]
    assert "locations that are excluded in Pipe17 cannot be told" in what
    assert "INVENTORY_LOCATIONS_EXCEPT" in cure


def test_a_refused_call_beside_the_daemon_does_not_write(connected: Any, command: Command, environment: Path) -> None:
    connected.tiktok.faults.add(Fault(FaultKind.RATE_LIMIT, "orders.search"))
    lock = take_lock(environment)
    before = environment.read_bytes()
    ran = command("check", "--json")
    assert ran.status == 1
    assert environment.read_bytes() == before
    os.close(lock)


def test_wrong_settings_come_first(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_HOLD", "soon")
    assert command("check").status == 78


def test_no_loop_is_left_running(connected: Any, command: Command) -> None:
    command("check")
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
