"""A client that others wrote drives the simulated TikTok Shop over real sockets.

`tiktok-shop-api` signs, builds paths and parses answers by its own, generated from the vendor's reference. What it
cannot do is left to our own callers: it knows Mark Package As Shipped only as of 202610, and sends a list of ids as
repeated query keys where the vendor's samples have one comma-joined value.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from test_serve import Echo, until
from tiktok_shop_api import AsyncTikTokShop, AsyncTikTokShopAuth, TikTokShopError, Webhooks, WebhookSignatureError
from tiktok_shop_api.generated import models

from daemon.clock import SystemClock
from daemon.sandbox.faults import Fault, FaultKind
from daemon.sandbox.serve import Served, serve_sandbox
from daemon.sandbox.tiktok import TikTokOptions, TikTokSandbox
from daemon.sandbox.wire import Call

USPS = "7117858858072016686"


@dataclass
class Market:
    sandbox: TikTokSandbox
    served: Served
    seller: AsyncTikTokShop
    owner: AsyncTikTokShop


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    options = TikTokOptions(hold_ms=0, index_lag_ms=0, redirect_url="https://app.example.test/back")
    sandbox = TikTokSandbox(SystemClock(), Random(5), options=options)
    served = await serve_sandbox(sandbox, Echo(), webhooks=False)
    auth = AsyncTikTokShopAuth(
        options.app_key, options.app_secret, service_id=options.service_id, base_url=served.tiktok_url
    )
    page = auth.authorization_url(type="seller", region="us", state="s t")
    parts = urlsplit(page)
    query = (*parse_qsl(parts.query), ("answer", "approve"))
    back = sandbox.handle(Call("GET", parts.path, query)).headers["location"]
    granted = dict(parse_qsl(urlsplit(back).query))
    assert back.startswith("https://app.example.test/back?")
    assert granted["state"] == "s t"
    tokens = await auth.exchange_code(granted["code"])
    tokens = await auth.refresh(tokens.refresh_token)
    owner = AsyncTikTokShop(
        options.app_key, options.app_secret, access_token=tokens.access_token, base_url=served.tiktok_url
    )
    async with owner:
        shops = plain(await owner.authorization.get_authorized_shops())
        async with owner.with_shop(shop_cipher=shops["shops"][0]["cipher"]) as seller:
            yield Market(sandbox, served, seller, owner)
    await served.aclose()


def plain(answer: Any) -> dict[str, Any]:
    data: dict[str, Any] = answer.to_dict()["data"]
    return data


async def test_search_and_detail(market: Market) -> None:
    placed = {market.sandbox.place_order(("A", "B")) for _ in range(25)}
    found: set[str] = set()
    token: dict[str, str] = {}
    while True:
        page = plain(
            await market.seller.orders.get_order_list(
                body=models.GetOrderListRequest(update_time_ge=1_600_000_000),
                page_size=10,
                sort_order=models.GetOrderListSortOrder.ASC,
                sort_field=models.GetOrderListSortField.UPDATE_TIME,
                **token,
            )
        )
        found.update(order["id"] for order in page["orders"])
        if not page.get("next_page_token"):
            break
        token = {"page_token": page["next_page_token"]}
    assert found == placed
    wanted = sorted(placed)[:2]
    detail = plain(await market.seller.orders.get_order_detail(ids=[",".join(wanted)]))
    assert [order["id"] for order in detail["orders"]] == wanted
    assert detail["orders"][0]["status"] == "AWAITING_SHIPMENT"


async def test_shipping(market: Market) -> None:
    order_id = market.sandbox.place_order(("A", "B"))
    units = [unit.id for unit in market.sandbox.order(order_id).units]
    providers = plain(await market.seller.logistics.get_shipping_providers("7091146663229654785"))
    assert {"id": USPS, "name": "USPS"} in providers["shipping_providers"]
    for position, unit in enumerate(units):
        request = models.MarkPackageAsShippedRequest.from_dict(
            {
                "order_line_list": [{"order_line_id": unit}],
                "shipping_info_list": [{"tracking_number": f"SIM000{position}", "shipping_provider_id": USPS}],
            }
        )
        shipped = plain(await market.seller.fulfillment.mark_package_as_shipped(order_id, body=request))
        package = plain(await market.seller.fulfillment.get_package_detail(shipped["package_id"]))
        assert package["order_line_item_ids"] == [unit]
        assert package["tracking_number"] == f"SIM000{position}"
    assert market.sandbox.order(order_id).status == "AWAITING_COLLECTION"
    found = plain(await market.seller.fulfillment.search_package(body=models.SearchPackageRequest(), page_size=10))
    assert found["total_count"] == 2
    with pytest.raises(TikTokShopError) as refused:
        await market.seller.fulfillment.mark_package_as_shipped(order_id, body=request)
    assert (refused.value.code, refused.value.http_status) == (21011020, 200)


async def test_ship_package_where_packages_exist_from_payment_on(market: Market) -> None:
    market.sandbox.options.region = "VN"
    market.sandbox.logistics.providers = {"7091146663229654785": {"6841743441349706241": "J&T Express"}}
    order_id = market.sandbox.place_order(("A",))
    package_id = market.sandbox.shown(order_id)["packages"][0]["id"]
    body = {"self_shipment": {"tracking_number": "JX1234567890", "shipping_provider_id": "6841743441349706241"}}
    await market.seller.fulfillment.ship_package(package_id, body=models.ShipPackageRequest.from_dict(body))
    assert market.sandbox.shown(order_id)["status"] == "AWAITING_COLLECTION"


async def test_warehouses_and_check_list(market: Market) -> None:
    warehouses = plain(await market.seller.logistics.get_warehouse_list())["warehouses"]
    assert {row["type"] for row in warehouses} == {"SALES_WAREHOUSE", "RETURN_WAREHOUSE"}
    market.sandbox.logistics.failed["RETURN_WAREHOUSE"] = ["none set"]
    checks = plain(await market.seller.products.check_listing_prerequisites())["check_results"]
    assert [row["check_item"] for row in checks if row["is_failed"]] == ["RETURN_WAREHOUSE"]


async def test_webhooks(market: Market) -> None:
    event = {"event_type": "ORDER_STATUS_CHANGE", "address": "https://hooks.example.test/tiktok"}
    await market.seller.event.update_shop_webhook(body=models.UpdateShopWebhookRequest.from_dict(event))
    listed = plain(await market.seller.event.get_shop_webhooks())
    assert [row["address"] for row in listed["webhooks"]] == ["https://hooks.example.test/tiktok"]
    order_id = market.sandbox.place_order()
    (delivery,) = market.sandbox.deliveries_due(market.sandbox.clock.now_ms())[:1]
    options = market.sandbox.options
    keys = {"app_key": options.app_key, "app_secret": options.app_secret, "raw_body": delivery.body}
    parsed = Webhooks.verify_and_parse(**keys, signature=delivery.headers["authorization"])
    assert isinstance(parsed, models.OrderStatusChangeWebhook)
    assert parsed.to_dict()["data"]["order_id"] == order_id
    with pytest.raises(WebhookSignatureError):
        Webhooks.verify_and_parse(**keys, signature="0" * 64)
    forget = models.DeleteWebhookForAnEventRequest.from_dict({"event_type": "ORDER_STATUS_CHANGE"})
    await market.seller.event.delete_webhook_for_an_event(body=forget)
    assert plain(await market.seller.event.get_shop_webhooks())["total_count"] == 0


async def test_refusals_and_breaks(market: Market) -> None:
    market.sandbox.faults.add(Fault(FaultKind.RATE_LIMIT, "warehouses.list"))
    with pytest.raises(TikTokShopError) as limited:
        await market.seller.logistics.get_warehouse_list()
    assert (limited.value.code, limited.value.http_status) == (36009002, 429)
    market.sandbox.faults.add(Fault(FaultKind.RESET, "warehouses.list"))
    with pytest.raises(TikTokShopError) as broken:
        await market.seller.logistics.get_warehouse_list()
    assert (broken.value.code, broken.value.http_status) == (-1, None)
    with pytest.raises(TikTokShopError) as bare:
        await market.owner.logistics.get_warehouse_list()
    assert bare.value.code == 106013
    market.sandbox.expire_access_tokens()
    with pytest.raises(TikTokShopError) as expired:
        await market.seller.logistics.get_warehouse_list()
    assert expired.value.code == 105002
    await until(lambda: len(market.sandbox.called("warehouses.list")) == 4)
