"""What a person sets at a product of Pipe17 that decides about its stock at TikTok, read tolerantly.

    pre-owned        the tag `pre-owned`, or a custom field `pre_owned: true` or `condition: pre-owned`
    kept back        `bufferInventory` of our own entry: `mappedProduct`, or the one in `published` with our integration

A member of a shape nobody promises says nothing: it neither marks a product nor takes a mark away from others.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from daemon.core.reading import BadShape, records, required_text, text, whole

MEMBERS = ("productId", "sku", "tags", "customFields", "mappedProduct", "published", "updatedAt")
"""What has to be read of a product."""
_PREOWNED = frozenset({"pre-owned", "preowned"})
_YES = frozenset({"true", "yes", "1"})


@dataclass(frozen=True, slots=True)
class Mark:
    """One product of Pipe17; `sku` is a seller SKU, or the id of a TikTok product for the parent of its SKUs."""

    sku: str
    preowned: bool = False
    buffer_units: int = 0

    @property
    def plain(self) -> bool:
        """Nothing is set."""
        return not self.preowned and not self.buffer_units


def read_mark(raw: Mapping[str, Any], integration: str) -> Mark:
    """`integration` is ours, "" when it is not known yet. Raises `BadShape` for a product without a SKU."""
    return Mark(required_text(raw, "sku"), _is_preowned(raw), _buffer_units(raw, integration))


def _is_preowned(raw: Mapping[str, Any]) -> bool:
    tags = raw.get("tags")
    if isinstance(tags, list) and any(_word(tag) in _PREOWNED for tag in tags):
        return True
    fields = raw.get("customFields")
    for item in fields if isinstance(fields, list) else ():
        if not isinstance(item, Mapping):
            continue
        name, value = _word(item.get("name")), item.get("value")
        if name in ("pre-owned", "preowned") and (value is True or _word(value) in _YES):
            return True
        if name == "condition" and _word(value) in _PREOWNED:
            return True
    return False


def _word(value: object) -> str:
    return value.strip().lower().replace("_", "-").replace(" ", "-") if isinstance(value, str) else ""


def _buffer_units(raw: Mapping[str, Any], integration: str) -> int:
    """The larger one where both say something: who keeps back too much sells nothing twice."""
    mapped = raw.get("mappedProduct")
    own = [mapped] if isinstance(mapped, Mapping) else []
    with suppress(BadShape):
        own += [entry for entry in records(raw, "published") if integration and _of(entry) == integration]
    return max((_units(entry) for entry in own), default=0)


def _of(entry: Mapping[str, Any]) -> str:
    return text(entry, "integrationId")


def _units(entry: Mapping[str, Any]) -> int:
    try:
        return max(whole(entry, "bufferInventory") or 0, 0)
    except BadShape:
        return 0
