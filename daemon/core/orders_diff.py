"""What to send so that Pipe17's order becomes the order we want: the body of a PUT, or nothing.

A PUT merges at the top level and replaces lists and objects (pipe17 contract 1.13), so a list is always sent whole, and
what others wrote into it (a tag, a custom field, a counter on a line) is kept. Pipe17 and its people work on the order
too; the rules say whose word counts (pipe17 contract 2.4, 15.2, 15.3):

* the status only moves where `STATUS_MOVES` allows it: never back, never out of a final state;
* lines and money may change until the order is sent to a warehouse, the address until something is shipped; later
  edits are `findings`, not changes;
* members in `RIDERS` go along with a change and never cause one;
* with `accepted` (what Pipe17 took from us the last time) only what *TikTok* changed since is sent: an address that a
  person corrected in Pipe17 stays corrected, and pieces that a person took out of a line stay out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from daemon.core import addresses, reading
from daemon.core.findings import Finding
from daemon.core.order_kinds import STATUS_FIELD
from daemon.core.reading import BadShape

BEFORE_SENT = frozenset({"draft", "new", "onHold", "toBeValidated", "reviewRequired", "readyForFulfillment"})
SENT = frozenset({"sentToFulfillment"})
SHIPPING = frozenset({"partialFulfillment", "fulfilled"})

STATUS_MOVES: Mapping[str, frozenset[str]] = {
    "new": frozenset({"onHold"}),
    "canceled": BEFORE_SENT | SENT,
    "fulfilled": frozenset({"onHold"}),
}
"""Wanted status -> the statuses from which we write it. Everything else is Pipe17's own doing (pipe17 contract 2.3)."""

HOLDING = frozenset({"new", "onHold"})
"""Statuses in which `holdUntil` still means something."""

RIDERS = frozenset({"extOrderUpdatedAt"})
"""Members that change with every look at TikTok; the custom field `tiktok_status` is treated the same."""

LINES_AND_MONEY = (
    "lineItems",
    "subTotalPrice",
    "orderDiscount",
    "orderTax",
    "shippingPrice",
    "totalPrice",
    "additionalCharges",
    "discounts",
    "payments",
    "paymentStatus",
)
"""Written until the order is sent to a warehouse."""

DELIVERY = ("customer", "shippingNote", "shipByDate", "expectedDeliveryDate", "orderNote")
"""Written, like the address, until something is shipped."""

INSTANTS = frozenset({"shipByDate", "expectedDeliveryDate", "holdUntil", "extOrderUpdatedAt"})


def essential(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without its riders: what must differ before anything is sent at all."""
    kept = {member: value for member, value in document.items() if member not in RIDERS}
    if "customFields" in kept:
        kept["customFields"] = [item for item in kept["customFields"] if item.get("name") != STATUS_FIELD]
    return kept


def changes(
    current: Mapping[str, Any], wanted: Mapping[str, Any], accepted: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The PUT body that brings `current` (Pipe17's record) to `wanted`; empty when there is nothing to send.

    `accepted` is the document of ours that Pipe17 took the last time, where that is known.
    """
    status = current.get("status")
    if status not in BEFORE_SENT | SENT:
        return {}
    if wanted.get("status") == "canceled":
        return {"status": "canceled"}
    wanted = _without_what_was_taken_out(current, wanted, accepted)
    body = _status(current, wanted, accepted) | _hold_until(current, wanted, accepted)
    for member in (*DELIVERY, *(LINES_AND_MONEY if status in BEFORE_SENT else ())):
        if member in wanted and _ours(member, wanted, accepted) and not _says(current, wanted, member):
            body[member] = _with_others(current.get(member), wanted[member])
    if _ours("shippingAddress", wanted, accepted):
        body |= _address(current, wanted)
    body |= _tags(current, wanted)
    fields = _custom_fields(current, wanted)
    causes = _stated_fields(current, without=STATUS_FIELD) != _stated_fields({"customFields": fields}, STATUS_FIELD)
    if not body and not causes:
        return {}
    if fields != list(current.get("customFields") or ()):
        body["customFields"] = fields
    for member in RIDERS & wanted.keys():
        if not _says(current, wanted, member):
            body[member] = wanted[member]
    return body


def findings(
    current: Mapping[str, Any],
    wanted: Mapping[str, Any],
    accepted: Mapping[str, Any] | None = None,
    taken_back: Collection[str] = (),
) -> tuple[Finding, ...]:
    """What TikTok changed too late: it is not, or not safely, carried over, and a person has to act.

    `taken_back`: ids of lines that TikTok only made smaller because Pipe17 asked for it; nobody has to act on them.

    `recall`: cancelled when the warehouse may have it (the status is still written). `cancelled_after_ship`: cancelled
    when something has shipped (nothing is written); `digital_cancelled`: the same, of what is not shipped at all, which
    Pipe17 has as `fulfilled` from the start. `edited_after_release`: lines changed when the order was at the
    warehouse. `edited_after_ship`: lines or address changed when something had shipped.
    """
    status = current.get("status")
    if wanted.get("status") == "canceled":
        if status in SENT:
            return (Finding("recall", "cancelled at TikTok while at the warehouse; goods must be called back by hand"),)
        if status in SHIPPING and _digital(wanted):
            text = "a digital order, cancelled at TikTok after Pipe17 had it as fulfilled; Pipe17 keeps it so"
            return (Finding("digital_cancelled", text),)
        if status in SHIPPING:
            return (Finding("cancelled_after_ship", "cancelled at TikTok after a shipment; the order stays as it is"),)
        return ()
    lines = line_changes(current, wanted, taken_back) if _ours("lineItems", wanted, accepted) else ""
    if status in SENT and lines:
        text = f"changed at TikTok while the order was at the warehouse: {lines}; stop or correct it there by hand"
        return (Finding("edited_after_release", text),)
    address = _ours("shippingAddress", wanted, accepted) and bool(_address(current, wanted))
    if status in SHIPPING and (lines or address):
        what = " and ".join(text for text in (lines, "the address" if address else "") if text)
        return (Finding("edited_after_ship", f"changed at TikTok after a shipment: {what}"),)
    return ()


def _digital(document: Mapping[str, Any]) -> bool:
    lines = document.get("lineItems") or ()
    return bool(lines) and all(line.get("requiresShipping") is False for line in lines)


def recall(shipments: Sequence[Mapping[str, Any]]) -> Finding | None:
    """Which shipping requests of a cancelled order a warehouse has been sent already; None: none of them.

    Asked after Pipe17 took the cancel: a request that it could still stop was never sent.
    """
    sent = [one for one in shipments if one.get("status") in SENT | SHIPPING or one.get("sentToFulfillmentAt")]
    if not sent:
        return None
    names = ", ".join(sorted(str(one.get("extShipmentId") or one.get("shipmentId")) for one in sent))
    text = (
        f"cancelled at TikTok after shipping requests had been sent to a warehouse ({names}): stop them there by hand, "
        "Pipe17 cannot call goods back"
    )
    return Finding("recall", text)


def line_changes(current: Mapping[str, Any], wanted: Mapping[str, Any], taken_back: Collection[str] = ()) -> str:
    """Which lines TikTok has changed against Pipe17's, for a person: pieces and SKUs; "" for none."""
    have, want = _by_unique_id(current.get("lineItems")), _by_unique_id(wanted.get("lineItems"))
    said = []
    for unique_id in dict.fromkeys((*have, *want)):
        if unique_id.partition("-")[0] in taken_back:  # lines of a bundle's parts begin with the bundle's
            continue
        before, now = _pieces(have.get(unique_id)), _pieces(want.get(unique_id))
        sku = (have.get(unique_id) or want[unique_id]).get("sku")
        if now < before:
            said.append(f"{before - now} of {sku} cancelled")
        elif now > before:
            said.append(f"{now - before} of {sku} more than Pipe17 has")
    return ", ".join(said)


def covers(current: object, wanted: object) -> bool:
    """Whether `current` says all that `wanted` says; it may say more. Lists must match item by item."""
    if isinstance(wanted, Mapping):
        return isinstance(current, Mapping) and all(covers(current.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        if not isinstance(current, Sequence) or isinstance(current, str) or len(current) != len(wanted):
            return False
        return all(covers(mine, value) for mine, value in zip(current, wanted, strict=True))
    return current == wanted


def _ours(member: str, wanted: Mapping[str, Any], accepted: Mapping[str, Any] | None) -> bool:
    """Whether TikTok changed a member since Pipe17 took it (True where that is not known)."""
    return accepted is None or accepted.get(member) != wanted.get(member)


def _says(current: Mapping[str, Any], wanted: Mapping[str, Any], member: str) -> bool:
    mine, value = current.get(member), wanted.get(member)
    if member == "lineItems":
        return covers(_by_unique_id(mine), _by_unique_id(value)) and len(mine or ()) == len(value or ())
    if member in INSTANTS and mine and value:
        try:
            return reading.iso_as_ms(current, member) == reading.iso_as_ms(wanted, member)
        except BadShape:
            return False
    return covers(mine, value)


def _with_others(mine: Any, value: Any) -> Any:
    """Our value with what others added: members of the object, or of the line with the same `uniqueId`."""
    if isinstance(value, Mapping):
        return {**(mine if isinstance(mine, Mapping) else {}), **value}
    if isinstance(value, list) and all(isinstance(item, Mapping) and "uniqueId" in item for item in value):
        lines = _by_unique_id(mine)
        return [{**lines.get(item["uniqueId"], {}), **item} for item in value]
    return value


def _by_unique_id(lines: Any) -> dict[str, Mapping[str, Any]]:
    return {str(line.get("uniqueId")): line for line in lines or () if isinstance(line, Mapping)}


def _pieces(line: Mapping[str, Any] | None) -> int:
    return int((line or {}).get("quantity") or 0)


def _without_what_was_taken_out(
    current: Mapping[str, Any], wanted: Mapping[str, Any], accepted: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """The wanted document with lines as small as a person made them in Pipe17; the cancel goes to TikTok by itself."""
    if accepted is None or "lineItems" not in wanted:
        return wanted
    have, before = _by_unique_id(current.get("lineItems")), _by_unique_id(accepted.get("lineItems"))
    lines = []
    for line in wanted["lineItems"]:
        name = str(line.get("uniqueId"))
        if name in before and _pieces(have.get(name)) < _pieces(before[name]):
            line = {**line, "quantity": min(_pieces(line), _pieces(have.get(name)))}
        if _pieces(line):
            lines.append(line)
    return {**wanted, "lineItems": lines}


def _status(
    current: Mapping[str, Any], wanted: Mapping[str, Any], accepted: Mapping[str, Any] | None
) -> dict[str, Any]:
    status = wanted.get("status", "")
    movable = current.get("status") in STATUS_MOVES.get(status, frozenset())
    return {"status": status} if movable and _ours("status", wanted, accepted) else {}


def _hold_until(
    current: Mapping[str, Any], wanted: Mapping[str, Any], accepted: Mapping[str, Any] | None
) -> dict[str, Any]:
    if current.get("status") not in HOLDING or "holdUntil" not in wanted:
        return {}
    changed = _ours("holdUntil", wanted, accepted) and not _says(current, wanted, "holdUntil")
    return {"holdUntil": wanted["holdUntil"]} if changed else {}


def _address(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The new address, whole; a member that is gone is emptied, whether or not the other side merges objects."""
    mine = current.get("shippingAddress")
    mine = mine if isinstance(mine, Mapping) else {}
    merged = addresses.merge(mine, wanted.get("shippingAddress") or {})
    if merged == addresses.clear(mine):
        return {}
    gone = {member: "" for member in addresses.MEMBERS if mine.get(member) and member not in merged}
    return {"shippingAddress": merged | gone}


def _tags(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    mine = list(current.get("tags") or ())
    added = [tag for tag in wanted.get("tags") or () if tag not in mine]
    return {"tags": mine + added} if added else {}


def _custom_fields(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Any]:
    """All custom fields: ours with their new values in the places they have, what others wrote left alone."""
    ours = {item["name"]: item for item in wanted.get("customFields") or ()}
    kept = [ours.pop(item.get("name"), item) for item in current.get("customFields") or ()]
    return kept + list(ours.values())


def _stated_fields(record: Mapping[str, Any], without: str) -> dict[str, Any]:
    fields = record.get("customFields") or ()
    return {item.get("name"): item.get("value") for item in fields if item.get("name") != without}
