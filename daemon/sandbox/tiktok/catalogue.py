"""The shop's products by id, by SKU and by time: search, detail, switching on and off (contract 1.10, 1.11, 1.12).

A change is in the detail at once and in the search up to `index_lag_ms` later; searches go newest update first, which
the vendor does not promise. More than `product_hits` hits are refused (12052180). Activating goes through an audit that
takes `audit_after_ms`. Every change queues the webhooks that the vendor would send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from random import Random
from typing import Any

from daemon.sandbox.tiktok.goods import Product, Sku
from daemon.sandbox.tiktok.index import Pager, TimeIndex
from daemon.sandbox.tiktok.options import TikTokOptions
from daemon.sandbox.tiktok.pricing import id_of
from daemon.sandbox.tiktok.product_pages import detail_row, search_row
from daemon.sandbox.tiktok.shapes import Ask, Refused
from daemon.sandbox.tiktok.webhooks import Webhooks

MOST_IDS = 20
"""Product ids in one call that switches products on or off."""
MOST_SKUS_ASKED = 10


class Catalogue:
    """Products of one shop, with their indices."""

    def __init__(self, options: TikTokOptions, rng: Random, webhooks: Webhooks) -> None:
        self.products: dict[str, Product] = {}
        self.skus: dict[str, Sku] = {}
        self._options = options
        self._rng = rng
        self._webhooks = webhooks
        self._pager = Pager(options, rng)
        self._by_update = TimeIndex()
        self._by_seller_sku: dict[str, dict[str, None]] = {}
        self._late: list[tuple[int, int, str, int]] = []
        self._indexed: dict[str, int] = {}
        self._audits: list[tuple[int, int, str]] = []
        self._numbers = 0

    # -- what the owner and the platform do

    def add(self, product: Product, now_ms: int, *, announce: bool = True) -> None:
        """A product is listed."""
        self.products[product.id] = product
        for sku in product.skus:
            self._know(sku)
        self.touch(product, now_ms)
        if announce:
            data = {"product_id": int(product.id), "product_types": [], "update_time": now_ms // 1000}
            self._webhooks.emit("PRODUCT_CREATION", data, now_ms)

    def touch(self, product: Product, at_ms: int) -> None:
        """A product changed: its update time moves and the search will hear of it."""
        product.update_ms = max(product.update_ms, at_ms)
        self._numbers += 1
        seen_ms = at_ms + (self._rng.randint(0, self._options.index_lag_ms) if self._options.index_lag_ms else 0)
        heappush(self._late, (seen_ms, self._numbers, product.id, product.update_ms // 1000))

    def changed(self, product: Product, fields: Iterable[str], now_ms: int, *, source: str = "SELLER_CENTER") -> None:
        """Content of a live product changed."""
        self.touch(product, now_ms)
        data = {
            "product_id": product.id,
            "change_source": source,
            "changed_fields": sorted(fields),
            "update_time": now_ms // 1000,
        }
        self._webhooks.emit("PRODUCT_INFORMATION_CHANGE", data, now_ms)

    def set_status(self, product: Product, status: str, now_ms: int) -> None:
        """The product goes on sale, off sale, or away."""
        product.status = status
        self.touch(product, now_ms)
        said = "PRODUCT_AUDIT_FAILURE" if status == "FAILED" else "PRODUCT_STATUS_CHANGED"
        data = {"product_id": int(product.id), "status": said, "update_time": now_ms // 1000}
        self._webhooks.emit("PRODUCT_STATUS_CHANGE", data, now_ms)

    def put_skus(self, product: Product, skus: list[Sku], now_ms: int) -> None:
        """The SKUs a product has from now on; those left out are deleted."""
        before, after = {sku.id for sku in product.skus}, {sku.id for sku in skus}
        for sku in product.skus:
            self._forget(sku)
        product.skus = skus
        for sku in skus:
            self._know(sku)
        moved = [*((item, "DELETED") for item in sorted(before - after))]
        moved += [(item, "CREATED") for item in sorted(after - before)]
        if moved:
            rows = [{"sku_id": item, "status": word} for item, word in moved]
            data = {"product_id": product.id, "skus": rows, "update_time": now_ms // 1000}
            self._webhooks.emit("SKU_STATUS_CHANGE", data, now_ms)
        self.changed(product, ("others",), now_ms)

    def rename(self, sku: Sku, seller_sku: str) -> None:
        """The owner writes another seller SKU."""
        self._forget(sku)
        sku.seller_sku = seller_sku
        self._know(sku)

    def vanish(self, product_id: str) -> None:
        """The product is gone for good; nothing shows it any more."""
        product = self.product(product_id)
        for sku in product.skus:
            self._forget(sku)
        del self.products[product_id]
        self._late = [item for item in self._late if item[2] != product_id]
        heapify(self._late)
        if self._indexed.pop(product_id, None) is not None:
            self._by_update.drop(product_id)

    def _know(self, sku: Sku) -> None:
        self.skus[sku.id] = sku
        self._by_seller_sku.setdefault(sku.seller_sku, {})[sku.id] = None

    def _forget(self, sku: Sku) -> None:
        self.skus.pop(sku.id, None)
        self._by_seller_sku.get(sku.seller_sku, {}).pop(sku.id, None)

    def product(self, product_id: str) -> Product:
        """One product; raises `Refused` for an id that is not the shop's."""
        found = self.products.get(product_id)
        if found is None:
            raise Refused(12052032, "The product does not exist")
        return found

    def by_seller_sku(self, seller_sku: str) -> list[Sku]:
        """The SKUs with this seller SKU; a shop may have several."""
        return [self.skus[sku_id] for sku_id in self._by_seller_sku.get(seller_sku, {})]

    # -- time

    def tick(self, now_ms: int) -> None:
        """Audits that are through, and what the search has heard of by now."""
        while self._audits and self._audits[0][0] <= now_ms:
            at_ms, _, product_id = heappop(self._audits)
            product = self.products.get(product_id)
            if product is not None and product.status == "PENDING":
                product.audit = "APPROVED"
                self.set_status(product, "ACTIVATE", at_ms)
                data = {"product_id": int(product_id), "audit": {"status": "APPROVED"}, "update_time": at_ms // 1000}
                self._webhooks.emit("PRODUCT_AUDIT_STATUS_CHANGE", data, at_ms)
        while self._late and self._late[0][0] <= now_ms:
            _, _, product_id, second = heappop(self._late)
            if second >= self._indexed.get(product_id, 0):
                self._indexed[product_id] = second
                self._by_update.put(product_id, second)

    def next_due_ms(self) -> int | None:
        """When an audit ends."""
        return self._audits[0][0] if self._audits else None

    # -- the API

    def search(self, ask: Ask) -> dict[str, Any]:
        """`POST /product/202502/products/search`."""
        size = ask.number("page_size", 1, 100)
        body = ask.body
        for name, code in (("seller_skus", 12019027), ("sku_ids", 12019087)):
            if len(body.get(name, ())) > MOST_SKUS_ASKED:
                raise Refused(code, f"The number of {name} exceeds the limit")
        for name in ("create_time", "update_time"):
            if body.get(f"{name}_ge", 0) > body.get(f"{name}_le", 10**12):
                raise Refused(12019118, "The time range is invalid")
        le = body.get("update_time_le")
        span = self._by_update.span(body.get("update_time_ge"), None if le is None else le + 1)
        page = self._pager.page(
            ask, self._by_update, span, size=size, descending=self._options.products_newest_first, keep=self._keep(body)
        )
        if page.total > self._options.product_hits:
            raise Refused(12052180, "The number of matching products exceeds 10000. Narrow down the filter")
        rows = [search_row(self.products[item], self._options) for item in page.ids]
        data: dict[str, Any] = {"total_count": page.total}
        if rows or self._rng.random() >= self._options.sparse:
            data["products"] = rows
        if page.next_token or self._rng.random() >= self._options.sparse:
            data["next_page_token"] = page.next_token
        return data

    def _keep(self, body: dict[str, Any]) -> Callable[[str], bool] | None:
        status = body.get("status", "ALL")
        sku_ids, seller_skus = frozenset(body.get("sku_ids", ())), frozenset(body.get("seller_skus", ()))
        create_ge, create_le = body.get("create_time_ge"), body.get("create_time_le")
        if status == "ALL" and not sku_ids and not seller_skus and create_ge is None and create_le is None:
            return None

        def keep(product_id: str) -> bool:
            product = self.products[product_id]
            return (
                status in ("ALL", product.status)
                and (not sku_ids or any(sku.id in sku_ids for sku in product.skus))
                and (not seller_skus or any(sku.seller_sku in seller_skus for sku in product.skus))
                and (create_ge is None or product.create_ms // 1000 >= create_ge)
                and (create_le is None or product.create_ms // 1000 <= create_le)
            )

        return keep

    def detail(self, ask: Ask) -> dict[str, Any]:
        """`GET /product/202309/products/{product_id}`, the live version."""
        return detail_row(self.product(ask.values["product_id"]), self.skus, self._options)

    def attributes(self, ask: Ask) -> dict[str, Any]:
        """The attributes of a category: those that its products use, and those that are required."""
        category = ask.values["category_id"]
        used = [
            name
            for product in self.products.values()
            if id_of(product.category, "category") == category
            for name, _ in product.attributes
        ]
        if not used:
            raise Refused(12052023, "The category does not exist")
        required = self._options.required_attributes
        rows = [
            {
                "id": id_of(name, "attribute"),
                "name": name,
                "type": "PRODUCT_PROPERTY",
                "is_requried": name in required,
                "is_multiple_selection": False,
                "is_customizable": True,
            }
            for name in dict.fromkeys([*required, *used])
        ]
        return {"attributes": rows}

    def deactivate(self, ask: Ask) -> dict[str, Any]:
        """`POST .../products/deactivate`: on sale to switched off by the seller."""

        def act(product: Product) -> Refused | None:
            if product.status != "ACTIVATE":
                return Refused(12052901, "The product status does not allow this operation")
            self.set_status(product, "SELLER_DEACTIVATED", ask.now_ms)
            return None

        return self._each(ask, act)

    def activate(self, ask: Ask) -> dict[str, Any]:
        """`POST .../products/activate`: an audit, then on sale."""

        def act(product: Product) -> Refused | None:
            if product.status not in ("SELLER_DEACTIVATED", "PLATFORM_DEACTIVATED"):
                return Refused(12052901, "The product status does not allow this operation")
            product.audit = "AUDITING"
            self.set_status(product, "PENDING", ask.now_ms)
            self._numbers += 1
            heappush(self._audits, (ask.now_ms + self._options.audit_after_ms, self._numbers, product.id))
            return None

        return self._each(ask, act, nested=True)

    def _each(self, ask: Ask, act: Callable[[Product], Refused | None], *, nested: bool = False) -> dict[str, Any]:
        ids = ask.body["product_ids"]
        if len(ids) > MOST_IDS:
            raise Refused(12019120, "The number of product ids exceeds the limit")
        if not ids or not all(item.isascii() and item.isdigit() for item in ids):
            raise Refused(12052031, "The product id is invalid")
        errors = []
        for product_id in dict.fromkeys(ids):
            product = self.products.get(product_id)
            refusal = act(product) if product else Refused(12052048, "The product does not belong to the seller")
            if refusal is not None:
                errors.append(_complaint(product_id, refusal, nested=nested))
        return {"errors": errors} if errors else {}


def _complaint(product_id: str, refusal: Refused, *, nested: bool) -> dict[str, Any]:
    inner = {"code": refusal.code, "message": refusal.message}
    if not nested:
        return {**inner, "detail": {"product_id": product_id}}
    detail = {"product_id": product_id, "extra_errors": [inner]}
    return {"code": 12052990, "message": "The check failed.", "detail": detail}
