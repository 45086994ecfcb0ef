"""Under which reason the seller cancels: the one we like best among those that TikTok allows for these units now.

The allowed reasons are asked from TikTok each time (aftersale eligibility): they depend on market, status and time, and
their names carry the market as a suffix (`..._uk`). Pipe17 has no reason on an order (its contract, 2.1), so the
preference is ours (`PREFERRED`), by a word in the name. Single lines only go as out of stock (contract 7.4).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daemon.core import reading
from daemon.core.findings import Refusal

OUT_OF_STOCK = "out_of_stock"
PREFERRED = (OUT_OF_STOCK, "buyer_requested", "address_not_deliver", "wrong_price")
"""Words in the names of reasons, the best first; what has none of them is taken as TikTok lists it."""

IN_PROCESS = 25001011
"""A cancellation or return of these units runs already."""


@dataclass(frozen=True, slots=True)
class Eligibility:
    """What TikTok lets the seller cancel: reasons by unit, and why not by unit (code, text)."""

    reasons: Mapping[str, tuple[str, ...]]
    refused: Mapping[str, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class InProcess:
    """Another cancellation runs; look again later."""


def read_eligibility(raw: Mapping[str, Any]) -> Eligibility:
    """The answer to the question; raises `BadShape` with the path of the member that is wrong."""
    reasons: dict[str, tuple[str, ...]] = {}
    refused: dict[str, tuple[int, str]] = {}
    for sku in reading.records(raw, "sku_eligibility"):
        for row in reading.records(sku, "line_item_eligibility"):
            if reading.text(row, "request_type") not in ("CANCEL", ""):
                continue
            for unit_id in _texts(row, "order_line_items_ids"):
                if reading.flag(row, "eligible"):
                    reasons[unit_id] = tuple(_texts(row, "available_reason_names"))
                else:
                    code = reading.whole(row, "ineligible_code") or 0
                    refused[unit_id] = (code, reading.text(row, "ineligible_reason"))
    return Eligibility(reasons, refused)


def choose_reason(found: Eligibility, unit_ids: Collection[str], *, whole: bool) -> str | InProcess | Refusal:
    """The reason for these units; `whole`: they are all that is left of the order."""
    refused = {found.refused[unit_id] for unit_id in unit_ids if unit_id in found.refused}
    if any(code == IN_PROCESS for code, _ in refused):
        return InProcess()
    silent = any(unit_id not in found.reasons and unit_id not in found.refused for unit_id in unit_ids)
    if refused or silent:
        why = (
            ", ".join(sorted(f"{text or 'no reason given'} ({code})" for code, text in refused)) or "it names no reason"
        )
        return Refusal("cancel_refused", f"TikTok does not let the seller cancel {_these(unit_ids, whole)}: {why}")
    allowed = _common([found.reasons[unit_id] for unit_id in unit_ids])
    usable = allowed if whole else [name for name in allowed if OUT_OF_STOCK in name]
    for word in PREFERRED:
        for name in usable:
            if word in name:
                return name
    if usable:
        return usable[0]
    offered = ", ".join(allowed) or "none"
    text = f"TikTok has no fitting reason for cancelling {_these(unit_ids, whole)}; it offers: {offered}"
    return Refusal("cancel_refused", text)


def _these(unit_ids: Collection[str], whole: bool) -> str:
    return "the order" if whole else f"{len(unit_ids)} units of the order"


def _common(lists: Sequence[Sequence[str]]) -> list[str]:
    """What stands in all of them, in the order of the first."""
    return [name for name in (lists[0] if lists else ()) if all(name in names for names in lists)]


def _texts(raw: Mapping[str, Any], field: str) -> list[str]:
    value = raw.get(field)
    return [str(item) for item in value if item] if isinstance(value, list) else []
