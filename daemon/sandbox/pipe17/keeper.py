"""What people do in Pipe17 with products, stock and locations: the actions that tests, demo and curious people set off,
as plain methods that take and give JSON values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daemon.sandbox.pipe17.gateway import Refusal
from daemon.sandbox.pipe17.goods import PEOPLE, Goods
from daemon.sandbox.pipe17.options import Pipe17Options
from daemon.sandbox.pipe17.stockroom import COUNTERS, Stockroom
from daemon.sandbox.pipe17.table import Row


class Keeper:
    """The hands of a person at the organisation."""

    def __init__(self, options: Pipe17Options, goods: Goods, stock: Stockroom, now: Callable[[], int]) -> None:
        self._options = options
        self._goods = goods
        self._stock = stock
        self._now = now

    def add_product(self, product: Mapping[str, Any], integration: str = PEOPLE) -> str:
        """A product made by a person (or by another integration); its Pipe17 id."""
        return _made(self._goods.create_product(dict(product), integration, self._now())).id

    def product_of(self, sku: str) -> Mapping[str, Any] | None:
        """The product with this SKU, as it is now."""
        self._now()
        found = self._goods.products.find("sku", sku)
        return found[0].document if found else None

    def change_product(self, sku: str, **members: Any) -> None:
        """A person edits a product."""
        row = self._goods.products.find("sku", sku)[0]
        _made(self._goods.update_product(row, members, row.owner, self._now()))

    def add_location(self, name: str, location_id: str = "") -> str:
        """A location made by a person; its id."""
        if location_id:
            return self._goods.place_at(location_id, name, self._now()).id
        return _made(self._goods.create_location({"name": name}, PEOPLE, self._now())).id

    def exclude_location(self, location: str, excluded: bool = True) -> list[str]:
        """Take a location out of the totals, or back in; which are left out now. No row changes by that."""
        others = [one for one in self._options.excluded_locations if one != location]
        self._options.excluded_locations = tuple([*others, location] if excluded else others)
        return list(self._options.excluded_locations)

    def add_stock(self, sku: str, on_hand: int = 0, location: str = "", event: str = "ingest", **counters: int) -> None:
        """Set `onHand` (and other counters by their names) of a SKU at a location, by default the main one."""
        wrong = counters.keys() - set(COUNTERS)
        if wrong:
            raise ValueError(f"no such counters: {sorted(wrong)}")
        self._stock.put(sku, location or self._options.location, {"onHand": on_hand, **counters}, event, self._now())

    def create_stock(
        self, skus: Sequence[str], on_hand: int = 10, locations: Sequence[str] = (), event: str = "ingest"
    ) -> int:
        """Many rows at once; how many."""
        now_ms = self._now()
        places = tuple(locations) or (self._options.location,)
        for sku in skus:
            for place in places:
                self._stock.put(sku, place, {"onHand": on_hand}, event, now_ms)
        return len(skus) * len(places)

    def stock_at(self, sku: str, location: str = "") -> Mapping[str, Any] | None:
        """The row of a SKU at a location, by default the main one."""
        self._now()
        row = self._stock.row(sku, location or self._options.location)
        return None if row is None else row.document


def _made(result: Row | Refusal) -> Row:
    if isinstance(result, Refusal):
        raise ValueError(f"{result.message} {'; '.join(result.errors)}".strip())
    return result
