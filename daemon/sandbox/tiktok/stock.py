"""Stock at the simulated shop: updates by the connector, units that orders take and give back (contract 3.1 to 3.5).

An update is absolute and must name every warehouse of the SKU that is in use, and no other. A SKU that is refused does
not stop the others: the call answers code 0 with `errors` (`inventory_refusals = "call"` answers the first one's code
for the whole call instead). Orders move units from available to committed, shipping removes them, cancelling gives
them back; what was not there when it was sold is counted in `oversold`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from daemon.core.reading import iso
from daemon.sandbox.tiktok.catalogue import Catalogue
from daemon.sandbox.tiktok.goods import LIVE, Product, Sku
from daemon.sandbox.tiktok.logistics import Logistics
from daemon.sandbox.tiktok.options import TikTokOptions
from daemon.sandbox.tiktok.pricing import UnitSpec
from daemon.sandbox.tiktok.records import SHIPPED_RANK, Order, Unit
from daemon.sandbox.tiktok.shapes import Ask, Refused, bad
from daemon.sandbox.tiktok.webhooks import Webhooks

MOST_UNITS = 999_999
SELLER_SHIPS = "FULFILLMENT_BY_SELLER"
MOST_PRODUCTS, MOST_SKUS = 100, 600


@dataclass(frozen=True, slots=True)
class _Taken:
    sku_id: str
    place: str
    units: int
    found: int
    """How many of them were there to be taken."""


class Stock:
    """The quantities of one shop."""

    def __init__(self, options: TikTokOptions, catalogue: Catalogue, logistics: Logistics, webhooks: Webhooks) -> None:
        self.oversold: Counter[str] = Counter()
        """Units sold that were not available, by SKU id."""
        self.pushed: list[tuple[int, str, dict[str, int]]] = []
        """Every accepted update: instant, SKU id, quantity by warehouse."""
        self._options = options
        self._catalogue = catalogue
        self._logistics = logistics
        self._webhooks = webhooks
        self._taken: dict[str, list[_Taken]] = {}
        self._events = 0

    # -- the API

    def update(self, ask: Ask) -> dict[str, Any]:
        """`POST /product/202309/products/{product_id}/inventory/update`."""
        product = self._catalogue.product(ask.values["product_id"])
        if product.status not in LIVE:
            raise Refused(12052901, "The product status does not allow this operation")
        mine = {sku.id: sku for sku in product.skus}
        asked = ask.body["skus"]
        if not asked:
            raise bad("Missing field: 'body.skus'")
        for row in asked:
            if row["id"] not in mine:
                raise Refused(12052557, "The SKU does not belong to the product")
        errors = []
        for row in asked:
            sku = mine[row["id"]]
            levels, complaints = self._read(product, sku, row["inventory"])
            if not complaints:
                self._accept(sku, levels, ask.now_ms)
            elif self._options.inventory_refusals == "call":
                raise Refused(complaints[0]["code"], complaints[0]["message"])
            else:
                detail = {"sku_id": sku.id, "extra_errors": complaints}
                errors.append({"code": 12052990, "message": "The check failed.", "detail": detail})
        if self._options.stock_touches_products:
            self._catalogue.touch(product, ask.now_ms)
        return {"errors": errors} if errors else {}

    def search(self, ask: Ask) -> dict[str, Any]:
        """`POST /product/202309/inventory/search`: by SKU ids, else by product ids; unknown ids are left out."""
        sku_ids, product_ids = ask.body.get("sku_ids", []), ask.body.get("product_ids", [])
        if len(sku_ids) > MOST_SKUS or len(product_ids) > MOST_PRODUCTS:
            raise Refused(12019120, "The number of ids exceeds the limit")
        if not sku_ids and not product_ids:
            raise bad("Missing field: 'body.product_ids' or 'body.sku_ids'")
        found: dict[str, list[Sku]] = {}
        if sku_ids:
            for sku_id in dict.fromkeys(sku_ids):
                if sku_id in self._catalogue.skus:
                    found.setdefault(self._catalogue.skus[sku_id].product_id, []).append(self._catalogue.skus[sku_id])
        else:
            for product_id in dict.fromkeys(product_ids):
                if product_id in self._catalogue.products:
                    found[product_id] = self._catalogue.products[product_id].skus
        rows = [{"product_id": item, "skus": [_levels(sku) for sku in skus]} for item, skus in found.items()]
        return {"inventory": rows} if rows else {}

    def _read(
        self, product: Product, sku: Sku, rows: list[dict[str, Any]]
    ) -> tuple[dict[str, int], list[dict[str, Any]]]:
        """The levels asked for, and what is wrong with them."""
        refusal = _untouchable(sku)
        if refusal:
            return {}, [{"code": refusal[0], "message": refusal[1]}]
        in_use = [place for place in sku.available if self._logistics.effect_status(place) != "DISABLED"]
        levels: dict[str, int] = {}
        wrong: list[dict[str, Any]] = []
        for row in rows:
            place = row.get("warehouse_id") or (in_use[0] if len(in_use) == 1 else "")
            problem = self._place_problem(sku, place, row["quantity"], levels)
            if problem:
                wrong.append({"warehouse_id": place, "code": problem[0], "message": problem[1]})
            levels[place] = row["quantity"]
        missing = [place for place in in_use if place not in levels]
        if missing and not wrong:
            wrong = [{"warehouse_id": item, "code": 12019028, "message": "A warehouse is missing"} for item in missing]
        total = sum(levels.values())
        if not wrong and product.preowned and total != 1:
            wrong = [{"code": 12052159, "message": "The total quantity of a pre-owned product must be one"}]
        if not wrong and sku.campaign and any(units < sku.available[item] for item, units in levels.items()):
            wrong = [{"code": 12052393, "message": "The stock is locked by a campaign and can not be lowered"}]
        return levels, wrong

    def _place_problem(self, sku: Sku, place: str, quantity: int, before: Mapping[str, int]) -> tuple[int, str] | None:
        kind = self._logistics.kind(place)
        if not place:
            return 12019028, "The warehouse is missing"
        if place in before:
            return 12052555, "The warehouse is given twice"
        if kind == "FBT":
            return 12052144, "The stock of a platform warehouse can not be edited"
        if kind == "":
            return 12052097, "The warehouse does not exist"
        if kind != "SALES_WAREHOUSE":
            return 12052532, "The warehouse is not a delivery warehouse"
        if self._logistics.effect_status(place) == "DISABLED":
            return 12052531, "The warehouse is disabled"
        if place not in sku.available:
            return 12052516, "The warehouse is not one of the SKU"
        if not 0 <= quantity <= MOST_UNITS:
            return 12052055, "The quantity is out of range"
        return None

    def _accept(self, sku: Sku, levels: dict[str, int], now_ms: int) -> None:
        before = sku.total_available
        sku.available.update(levels)
        self.pushed.append((now_ms, sku.id, dict(levels)))
        if len(self.pushed) > self._options.keep_calls:
            del self.pushed[: len(self.pushed) // 2]
        self._announce(sku, "api_sync", sku.total_available - before, 0, now_ms)

    # -- orders

    def listed(self, spec: UnitSpec) -> UnitSpec:
        """A unit of a basket with the ids of the product that is listed under its seller SKU, if there is one."""
        known = self._catalogue.by_seller_sku(spec.seller_sku)
        if spec.sku_id or not known:
            return spec
        return replace(spec, sku_id=known[0].id, product_id=spec.product_id or known[0].product_id)

    def reserve(self, order: Order, now_ms: int) -> None:
        """An order was placed: its units are committed. What the platform ships leaves warehouses of its own."""
        if order.fulfillment_type != SELLER_SHIPS:
            return
        for unit in order.units:
            taken = [self._take(sku, count, order.warehouse_id, now_ms) for sku, count in self._parts(unit)]
            if taken:
                self._taken[unit.id] = taken

    def settle(self, order: Order, now_ms: int) -> None:
        """Units of the order were cancelled or shipped: what they held is given back or is gone."""
        for unit in order.units:
            if unit.id not in self._taken or (unit.live and unit.status not in SHIPPED_RANK):
                continue
            for taken in self._taken.pop(unit.id):
                self._let_go(taken, back=not unit.live, now_ms=now_ms)

    def _parts(self, unit: Unit) -> list[tuple[Sku, int]]:
        asked = [(unit.sku_id, 1)]
        if unit.recipe:
            asked = [(str(part["sku_id"]), int(part["sku_count"])) for part in unit.recipe]
        elif unit.sku_id in self._catalogue.skus and self._catalogue.skus[unit.sku_id].bundle:
            asked = list(self._catalogue.skus[unit.sku_id].bundle)
        return [(self._catalogue.skus[sku_id], count) for sku_id, count in asked if sku_id in self._catalogue.skus]

    def _take(self, sku: Sku, units: int, preferred: str, now_ms: int) -> _Taken:
        places = [preferred, *sku.available] if preferred in sku.available else list(sku.available)
        place = next((item for item in places if sku.available[item] >= units), places[0] if places else "")
        found = min(units, sku.available.get(place, 0))
        self.oversold[sku.id] += units - found
        sku.available[place] = sku.available.get(place, 0) - found
        sku.committed[place] = sku.committed.get(place, 0) + units
        self._announce(sku, "order_created", -found, units, now_ms)
        return _Taken(sku.id, place, units, found)

    def _let_go(self, taken: _Taken, *, back: bool, now_ms: int) -> None:
        sku = self._catalogue.skus.get(taken.sku_id)
        if sku is None:
            return
        sku.committed[taken.place] -= taken.units
        if back:
            sku.available[taken.place] += taken.found
            self._announce(sku, "order_canceled", taken.found, -taken.units, now_ms)
        else:
            self._announce(sku, "order_shipped", 0, -taken.units, now_ms)

    def set(self, sku: Sku, levels: Mapping[str, int], now_ms: int) -> None:
        """The owner types other numbers in, or assigns other warehouses."""
        before = sku.total_available
        sku.available = dict(levels)
        self._announce(sku, "manual_adjustment", sku.total_available - before, 0, now_ms)

    def _announce(self, sku: Sku, source: str, available: int, committed: int, now_ms: int) -> None:
        if not self._options.app_webhook_url:
            return
        self._events += 1
        locked = sku.total_available if sku.campaign else 0
        snapshot = {
            "total_quantity": sku.total_available + sku.total_committed,
            "total_available_quantity": sku.total_available,
            "total_committed_quantity": sku.total_committed,
            "in_shop_quantity": sku.total_available - locked,
            "campaign_locked_quantity": locked,
            "creator_locked_quantity": 0,
        }
        change = {
            "idempotency_key": f"chg-{self._events}",
            "trigger_source": source,
            "occurred_at": iso(now_ms),
            "total_quantity_delta": available + committed,
            "available_quantity_delta": available,
            "committed_quantity_delta": committed,
            "in_shop_quantity_delta": available,
            "campaign_locked_quantity_delta": 0,
            "creator_locked_quantity_delta": 0,
        }
        data = {
            "event_id": f"evt-{self._events}",
            "occurred_at": iso(now_ms),
            "shop_id": int(self._options.shop_id),
            "product_id": int(sku.product_id),
            "sku_id": int(sku.id),
            "quantity_snapshot_after_change": snapshot,
            "change_detail": [change],
        }
        self._webhooks.emit("INVENTORY_CHANGE", data, now_ms)


def _untouchable(sku: Sku) -> tuple[int, str] | None:
    if sku.bundle:
        return 12052850, "The stock of a bundle can not be edited"
    if sku.shared:
        return 12052921, "The stock is shared and must be equal"
    return None


def _levels(sku: Sku) -> dict[str, Any]:
    locked = [{"quantity": sku.total_available, "campaign_name": sku.campaign}] if sku.campaign else []
    return {
        "id": sku.id,
        "seller_sku": sku.seller_sku,
        "total_available_quantity": sku.total_available,
        "total_committed_quantity": sku.total_committed,
        "warehouse_inventory": [
            {
                "warehouse_id": place,
                "available_quantity": units,
                "committed_quantity": sku.committed.get(place, 0),
            }
            for place, units in sku.available.items()
        ],
        "total_available_inventory_distribution": {
            "campaign_inventory": locked,
            "creator_inventory": [],
            "in_shop_inventory": {"quantity": 0 if locked else sku.total_available},
        },
    }
