"""An order as the wire has it: the unchanging part made once, the rest on every change, both kept as text.

Members without content are left out or sent empty, at random but always the same for one version of one order, as the
contract allows (0.3): `""`, `[]`, and for ids also `"0"`. Bundle recipes are left out of some list rows; the detail
always has them. What is seen of the address depends on the hour as well as on the order, so the key of the cache holds
it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from daemon.sandbox.tiktok.addresses import Sight, recipient, sight_of
from daemon.sandbox.tiktok.index import hash_text
from daemon.sandbox.tiktok.options import DAY_MS, HOUR_MS, TikTokOptions
from daemon.sandbox.tiktok.records import Order, Package, Part, Unit
from daemon.sandbox.tiktok.shapes import encode

CALENDAR = (("rts_sla_time", 3 * DAY_MS), ("tts_sla_time", 4 * DAY_MS), ("shipping_due_time", 4 * DAY_MS))


class Chance:
    """A small stream of coin throws that depends on nothing but its seed; cheaper than `random.Random` by far."""

    __slots__ = ("_level", "_state")

    def __init__(self, seed: int, level: float) -> None:
        self._state = seed * 2_654_435_761 % 2**32 or 1
        self._level = int(level * 1024)

    def yes(self) -> bool:
        """One throw; the level is how likely it says yes."""
        return self.throw() < self._level

    def throw(self) -> int:
        """A number below 1024."""
        state = self._state
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        self._state = state
        return state & 1023


class Renderer:
    """Writes orders for one shop."""

    def __init__(self, options: TikTokOptions, packages: dict[str, Package], seed: int) -> None:
        self._options = options
        self._packages = packages
        self._seed = seed

    def order(self, order: Order, variant: str, now_ms: int) -> str:
        """The order's JSON as `list` or `detail` shows it."""
        sight = sight_of(order, now_ms, self._options.address_late_ms)
        key = (variant, sight.value)
        text = order.cached.get(key)
        if text is None:
            text = order.cached[key] = self._write(order, variant, sight)
        return text

    def _write(self, order: Order, variant: str, sight: Sight) -> str:
        seed = hash_text(f"{self._seed}:{order.id}:{order.version}:{variant}")
        chance = Chance(seed, self._options.sparse)
        if sight is Sight.EMPTY and self._options.sparse and seed % 4 == 0:
            sight = Sight.MASKED
        members = self._moving(order, chance)
        address = recipient(order.address, sight, omit=chance.yes())
        lines = ",".join(self._unit(order, unit, variant, chance) for unit in order.units)
        moving = encode(members)[1:-1]
        return f'{{{order.static},{moving},"recipient_address":{address},"line_items":[{lines}]}}'

    def _moving(self, order: Order, chance: Chance) -> dict[str, Any]:
        members: dict[str, Any] = {
            "status": order.status,
            "update_time": order.update_ms // 1000,
            "is_on_hold_order": order.went_on_hold,
        }
        flags = (
            ("is_buyer_request_cancel", order.cancel_requested_ms is not None),
            ("has_updated_recipient_address", order.address_updated),
        )
        members.update({name: value for name, value in flags if value or not chance.yes()})
        times = {
            "paid_time": order.paid_ms,
            "rts_time": min((unit.shipped_ms for unit in order.units if unit.shipped_ms), default=None),
            "collection_time": order.collected_ms,
            "delivery_time": order.delivered_ms,
            "cancel_time": order.cancelled_ms,
            "request_cancel_time": order.cancel_requested_ms,
            "release_date": order.release_ms,
        }
        for name, at_ms in times.items():
            if at_ms is not None:
                members[name] = at_ms // 1000
            elif name != "release_date" and not chance.yes() and chance.yes():
                members[name] = 0
        if order.paid_ms is not None:
            start_ms = (order.release_ms or order.paid_ms) + max((order.handling_days or 0) - 3, 0) * DAY_MS
            for name, after_ms in CALENDAR:
                members[name] = (start_ms + after_ms) // DAY_MS * DAY_MS // 1000 + DAY_MS // 1000 - 1
        package = self._packages[order.package_ids[0]] if order.package_ids else None
        shipped = package if package and package.tracking_number else None
        _put(members, chance, "tracking_number", shipped.tracking_number if shipped else "")
        _put(members, chance, "shipping_provider", shipped.provider_name if shipped else "")
        _put(members, chance, "shipping_provider_id", shipped.provider_id if shipped else "", an_id=True)
        _put(members, chance, "split_or_combine_tag", "COMBINED" if order.combined else "SPLIT" if order.split else "")
        _put(members, chance, "auto_combine_group_id", order.combine_group)
        _put(members, chance, "cancel_reason", order.cancel_reason)
        _put(members, chance, "cancellation_initiator", order.cancel_initiator)
        if order.package_ids or not chance.yes():
            members["packages"] = [{"id": package_id} for package_id in order.package_ids]
        return members

    def _unit(self, order: Order, unit: Unit, variant: str, chance: Chance) -> str:
        package = self._packages.get(unit.package_id)
        if package is None and unit.live and not unit.parts:
            return f"{{{unit.static},{_waiting_unit(unit.status, chance.throw() % 32, self._options.sparse)}}}"
        members = _unit_members(unit, package, chance)
        if unit.shipped_ms is not None:
            members["rts_time"] = unit.shipped_ms // 1000
        if unit.parts and (variant == "detail" or not chance.yes()):
            members["combined_listing_skus"] = unit.recipe
            members["sub_item_info"] = [self._part(order, part) for part in unit.parts]
        return f"{{{unit.static},{encode(members)[1:-1]}}}"

    def _part(self, order: Order, part: Part) -> dict[str, Any]:
        package = self._packages.get(part.package_id)
        price = format(part.price.normalize(), "f")
        return {
            "id": part.id,
            "sku_id": part.sku_id,
            "seller_sku": part.seller_sku,
            "product_id": part.product_id,
            "product_name": part.product_name,
            "sku_name": "Default",
            "sku_image": "https://img.example.test/item.jpg",
            "currency": self._options.currency,
            "original_price": price,
            "sale_price": price,
            "seller_discount": "0",
            "platform_discount": "0",
            "display_status": part.status,
            "tracking_number": package.tracking_number if package else "",
            "package_id": part.package_id,
            "warehouse_id": order.warehouse_id,
        }


def _unit_members(unit: Unit, package: Package | None, chance: Chance) -> dict[str, Any]:
    members: dict[str, Any] = {"display_status": unit.status}
    if package:
        members["package_id"] = package.id
        members["package_status"] = package.status
    elif not chance.yes():
        members["package_id"] = "" if chance.yes() else "0"
    sent = package if package and package.tracking_number else None
    _put(members, chance, "tracking_number", sent.tracking_number if sent else "")
    _put(members, chance, "shipping_provider_id", sent.provider_id if sent else "", an_id=True)
    _put(members, chance, "shipping_provider_name", sent.provider_name if sent else "")
    _put(members, chance, "cancel_user", unit.cancel_user)
    _put(members, chance, "cancel_reason", unit.cancel_reason)
    _put(members, chance, "room_id", "")
    return members


@lru_cache(1024)
def _waiting_unit(status: str, seed: int, level: float) -> str:
    """The changing members of a unit that nothing has happened to yet; there are few different ones."""
    return encode(_unit_members(Unit("", "", "", "", status), None, Chance(seed + 1, level)))[1:-1]


def order_static(order: dict[str, Any], payment: dict[str, str], create_ms: int, options: TikTokOptions) -> str:
    """The unchanging members of an order, as JSON without the braces."""
    members = {
        "delivery_type": "HOME_DELIVERY",
        "is_cod": False,
        "is_replacement_order": False,
        "is_exchange_order": False,
        "is_subscription_order": False,
        "seller_note": "",
        "buyer_nickname": "simbuyer",
        "buyer_email": f"v{hash_text(order['id']):x}@scs.tiktokw.us",
        "payment_method_name": "Credit/debit card",
        "commerce_platform": "TIKTOK_SHOP",
        **order,
        "create_time": create_ms // 1000,
        "delivery_option_required_delivery_time": (create_ms + 8 * DAY_MS) // 1000,
        "collection_due_time": (create_ms + 7 * DAY_MS + HOUR_MS) // 1000,
        "delivery_due_time": (create_ms + 31 * DAY_MS) // 1000,
        "payment": payment,
    }
    chance = Chance(hash_text(order["id"]), options.sparse)
    kept = {name: value for name, value in members.items() if value not in ("", False) or not chance.yes()}
    return encode(kept)[1:-1]


def _put(members: dict[str, Any], chance: Chance, name: str, value: str, *, an_id: bool = False) -> None:
    if value:
        members[name] = value
    elif not chance.yes():
        members[name] = "0" if an_id and chance.yes() else ""
