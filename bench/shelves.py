"""A shop with very many SKUs on both sides, and the store of a daemon that has linked them all and sent every level."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.shop import Shop
from daemon.core.jsontext import digest, dumps
from daemon.core.reading import iso_as_ms
from daemon.core.stock import StockRules
from daemon.flows import resync_standing
from daemon.flows.resync_marking import RULES, fingerprint
from daemon.flows.resync_standing import Standing
from daemon.flows.stock_marks import FACT as MARKS
from daemon.sandbox.tiktok.goods import Sku
from daemon.sandbox.tiktok.logistics import MAIN_WAREHOUSE
from daemon.store.migrate import migrate

ON_HAND = 10
COLUMNS = (
    "flow, key, group_key, state, queued, busy, rank_ms, version, sent_version, payload, digest, accepted_digest,"
    " remote_id, source_version, source_stamp, result, attempts, flagged, code, reason, changed_at_ms, created_at_ms,"
    " updated_at_ms, finished_at_ms"
)


def names(skus: int) -> list[str]:
    """The seller SKUs, each of a product of its own."""
    return [f"BULK-{number:06d}-0" for number in range(skus)]


def open_shelves(shop: Shop, skus: int, *, shown: Sequence[str], locations: int) -> list[str]:
    """List the SKUs at TikTok, and stock for those `shown` in Pipe17; the ids of the locations."""
    places = [shop.pipe17.options.location, *(f"10c{number:013d}" for number in range(1, locations))]
    for number, place in enumerate(places[1:]):
        shop.pipe17.keeper.add_location(f"Location {number}", place)
    shop.tiktok.seller.create_products(skus, stock=ON_HAND * locations)
    shop.pipe17.keeper.create_stock(shown, ON_HAND, places)
    return places


def fill(path: Path, shop: Shop, skus: int, places: Sequence[str]) -> None:
    """The store after all of it was read, linked and sent; the sides must be as `open_shelves` left them."""
    path.touch(mode=0o600)
    store = sqlite3.connect(path, isolation_level=None)
    store.execute("PRAGMA journal_mode = WAL")
    migrate(store)
    store.execute("PRAGMA synchronous = OFF")
    now_ms = shop.clock.now_ms()
    seen = shop.pipe17.keeper.stock_at(names(1)[0])
    version_ms = now_ms if seen is None else iso_as_ms(seen, "updatedAt") or now_ms
    store.execute("BEGIN")
    store.execute(
        "INSERT INTO warehouses VALUES (?, 'Main', 'SALES_WAREHOUSE', 'DOMESTIC_WAREHOUSE', 'ENABLED', 1, ?, ?)",
        (MAIN_WAREHOUSE, places[0], now_ms),
    )
    total = ON_HAND * len(places)
    listed = [shop.tiktok.catalogue.by_seller_sku(name)[0] for name in names(skus)]
    shelves = dumps([{"id": MAIN_WAREHOUSE, "quantity": total}])
    store.executemany(
        "INSERT INTO links VALUES (?, ?, ?, 'ACTIVATE', 'normal', ?, ?, ?, NULL, ?)",
        ((one.id, one.product_id, one.seller_sku, shelves, "0" * 16, now_ms, now_ms) for one in listed),
    )
    store.executemany(
        "INSERT INTO levels VALUES (?, ?, ?, 0, 0, 0, ?, 0, NULL)",
        ((name, place, ON_HAND, version_ms) for name in names(skus) for place in places),
    )
    marks = ", ".join("?" * len(COLUMNS.split(",")))
    store.executemany(f"INSERT INTO outbox ({COLUMNS}) VALUES ({marks})", _rows(listed, total, now_ms))
    store.execute("INSERT INTO tally VALUES ('inventory', 'done', ?)", (skus,))
    store.execute("INSERT INTO cursors VALUES ('inventory', ?, ?)", (str(now_ms), now_ms))
    stood = Standing(resync_standing.DONE, "", now_ms, sends=False, number=0, ended_at_ms=now_ms)
    known = {
        MARKS: {"read_to_ms": now_ms, "integration": ""},
        "stock_source": {"confirmed_at_ms": now_ms, "failing_since_ms": None},
        resync_standing.FACT: stood.public(),
        RULES: fingerprint(StockRules()),
    }
    store.executemany("INSERT INTO facts VALUES (?, ?, ?)", ((n, dumps(v), now_ms) for n, v in known.items()))
    store.execute("COMMIT")
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.close()


def _rows(listed: Sequence[Sku], total: int, now_ms: int) -> Iterator[tuple[Any, ...]]:
    levels = {MAIN_WAREHOUSE: total}
    print_of = digest(levels)
    for one in listed:
        payload = dumps({"sku": one.seller_sku, "drop": "", "preowned": False, "levels": levels})
        yield (
            "inventory", one.id, one.product_id, "done", 0, 0, now_ms, 1, 1, payload, print_of, print_of,
            one.id, 0, print_of, dumps({"levels": levels}), 0, 0, "", "", now_ms, now_ms, now_ms, now_ms,
        )  # fmt: skip
