"""What the demo's shop sells, and how its stock moves: listed at TikTok, counted in Pipe17 at two locations.

    plain products   a mug in two colours, a lamp, a rug, a vase: TikTok's buyers order them
    a bundle         of a lamp and a vase; TikTok works out its stock, nobody sets it
    a bowl           only other channels sell it; they sell it out, and later some come in
    a candle         listed while the day runs

The rug is in Pipe17 before the daemon is, made by somebody else under a name of their own. What TikTok has at the
beginning was typed in by hand and is wrong. Goods come in and other channels sell, at both locations, all day long;
no SKU but the bowl comes near to nothing, so any other 0 at TikTok is a mistake.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from daemon.sandbox.pipe17 import Pipe17Sandbox
from daemon.sandbox.tiktok import TikTokSandbox
from daemon.sandbox.tiktok.logistics import MAIN_WAREHOUSE
from daemon.sandbox.tiktok.pricing import UnitSpec, id_of

SKUS = ("MUG-BLUE", "MUG-RED", "LAMP-S", "RUG-2X3", "VASE-TALL")
BOWL, CANDLE = "BOWL-OAK", "CANDLE-3"
BUNDLE = UnitSpec("SET-COZY", "39.5", parts=(("LAMP-S", 1, "25"), ("VASE-TALL", 1, "25")))
FOREIGN, FOREIGN_NAME = "RUG-2X3", "Rug (wholesale)"
FOREIGN_INTEGRATION = "0c41d97be85a2f36"
EAST = "10c000000000000e"
"""The second location in Pipe17; the first is the organisation's own."""
LEAST = 10
"""Other channels leave so many of a SKU at a location."""


class DemoCatalogue:
    """The shop's goods on both sides."""

    def __init__(self, tiktok: TikTokSandbox, pipe17: Pipe17Sandbox, *, orders: int, seed: int) -> None:
        self.moves = 0
        """Goods that came in or were sold by other channels."""
        self.moved: Callable[[], None] = lambda: None
        """Told of every move at once: on a busy machine the daemon may have pushed it before anybody else looks."""
        self._tiktok = tiktok
        self._pipe17 = pipe17
        self._rng = random.Random(f"stock-{seed}")
        self._east = tiktok.seller.add_warehouse("East")
        self._typed_in = {MAIN_WAREHOUSE: 30 + orders, self._east: 5}
        self._counted = 40 + 2 * orders
        self._listed = [*SKUS, BOWL]

    @property
    def map(self) -> Mapping[str, str]:
        """Pipe17 location -> the warehouse of TikTok in which its stock is sold."""
        return {self._pipe17.options.location: MAIN_WAREHOUSE, EAST: self._east}

    def open(self) -> None:
        """Everything as it is before the daemon is there."""
        seller, keeper = self._tiktok.seller, self._pipe17.keeper
        keeper.add_location("East", EAST)
        keeper.add_product({"sku": FOREIGN, "name": FOREIGN_NAME}, FOREIGN_INTEGRATION)
        colours = [{"seller_sku": sku, "options": (("Color", sku.removeprefix("MUG-")),)} for sku in SKUS[:2]]
        seller.add_product(colours, title="Mug", stock=self._typed_in)
        for sku, title in (("LAMP-S", "Lamp"), ("RUG-2X3", "Rug"), ("VASE-TALL", "Vase"), (BOWL, "Bowl")):
            seller.add_product((sku,), title=title, stock=self._typed_in)
        members = tuple((id_of(sku, "sku"), count) for sku, count, _ in BUNDLE.parts)
        seller.add_product(({"seller_sku": BUNDLE.seller_sku, "bundle": members},), title="Cozy set", stock=30)
        for sku in (*SKUS, BOWL, CANDLE):
            self._pipe17.keeper.add_stock(sku, self._counted + self._rng.randint(0, 40))
            self._pipe17.keeper.add_stock(sku, self._rng.randint(25, 60), EAST)

    def list_candle(self) -> None:
        """The owner lists one more product; Pipe17 has stock of it already."""
        self._tiktok.seller.add_product((CANDLE,), title="Candle", stock=self._typed_in)
        self._listed.append(CANDLE)

    def move(self) -> None:
        """Goods come in, or another channel sells some."""
        sku = self._rng.choice([sku for sku in self._listed if sku != BOWL])
        location = self._rng.choice(("", EAST))
        units = self._rng.choice((-3, -2, -1, -1, 12, 25))
        on_hand = self._on_hand(sku, location)
        self._put(sku, max(on_hand + units, min(on_hand, LEAST)), location)

    def sell_out(self) -> None:
        """Another channel sells every bowl."""
        for location in ("", EAST):
            self._put(BOWL, 0, location)

    def bring_in(self) -> None:
        """Bowls come in."""
        for location in ("", EAST):
            self._put(BOWL, self._rng.randint(15, 30), location)

    def _on_hand(self, sku: str, location: str) -> int:
        row = self._pipe17.keeper.stock_at(sku, location)
        assert row is not None, "every SKU has stock at both locations"
        return int(row["onHand"])

    def _put(self, sku: str, on_hand: int, location: str) -> None:
        self.moves += 1
        self._pipe17.keeper.add_stock(sku, on_hand, location, "adjust")
        self.moved()
