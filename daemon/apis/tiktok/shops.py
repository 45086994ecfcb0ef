"""Which shop this daemon serves, and the cipher that stands for it in calls.

`TIKTOK_SHOP_ID` names it, or it is the only one that the grant covers. The choice is kept with the generation of the
grant it was read under and forgotten when TikTok calls the cipher wrong (101000, 106011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from daemon.core.reading import record, records, required_text, text


@dataclass(frozen=True, slots=True)
class Shop:
    """An authorized shop; `code` is the one the seller sees, `region` e.g. `US`."""

    id: str
    name: str
    region: str
    seller_type: str
    cipher: str
    code: str


class ShopChoice:
    """The shop in force, once it is known."""

    def __init__(self, wanted_id: str) -> None:
        self.lock = anyio.Lock()
        self.current: Shop | None = None
        self.generation = -1
        self._wanted_id = wanted_id

    def choose(self, granted: Sequence[Shop], generation: int) -> str:
        """Take the wanted or only shop; else keep none and say what a person must do."""
        self.current = None
        fitting = [shop for shop in granted if self._wanted_id in ("", shop.id)]
        if len(fitting) == 1:
            self.current = fitting[0]
            self.generation = generation
            return ""
        if self._wanted_id:
            return "the grant does not cover the shop in TIKTOK_SHOP_ID; grant access with that shop's owner account"
        if not granted:
            return "the grant covers no shop; grant access with the owner account of the shop"
        return f"the grant covers {len(granted)} shops; name one in TIKTOK_SHOP_ID"

    def chosen(self) -> Shop:
        """The shop in force; only after a `choose` without a problem."""
        if self.current is None:
            raise LookupError("no shop was chosen")
        return self.current

    def forget(self) -> None:
        """The cipher is refused: read it again before the next call."""
        self.current = None


def read_shops(data: Any) -> tuple[Shop, ...]:
    """The shops in an answer; raises `BadShape`."""
    return tuple(
        Shop(
            id=required_text(raw, "id"),
            name=text(raw, "name"),
            region=text(raw, "region"),
            seller_type=text(raw, "seller_type"),
            cipher=required_text(raw, "cipher"),
            code=text(raw, "code"),
        )
        for raw in records(record(data, "data"), "shops")
    )
