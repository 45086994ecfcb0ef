"""What the simulated shop remembers of its catalogue: products, SKUs, and the stock of each SKU by warehouse.

Statuses are the vendor's words (contract 1.15). `available` is what inventory updates set; `committed` is ordered and
not shipped yet, on top of it. Prices and sizes are texts, as the wire has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LIVE = frozenset({"DRAFT", "PENDING", "FAILED", "ACTIVATE", "SELLER_DEACTIVATED"})
"""Statuses in which stock may be set."""


@dataclass(slots=True)
class Sku:
    """One SKU. `bundle` holds the members of a virtual bundle: (SKU id, count)."""

    id: str
    product_id: str
    seller_sku: str
    price: str = "25"
    list_price: str = ""
    options: tuple[tuple[str, str], ...] = ()
    """(attribute name, value), as ("Color", "Black")."""
    image: str = ""
    code: tuple[str, str] = ("", "")
    """(type, digits) of the identifier, as ("EAN", "4006381333931")."""
    weight: str = ""
    status: str = "NORMAL"
    deactivated_by: str = ""
    bundle: tuple[tuple[str, int], ...] = ()
    shared: bool = False
    """Its stock is shared with other listings: updates here are refused."""
    campaign: str = ""
    """Name of the campaign that holds its stock: updates may not lower it."""
    available: dict[str, int] = field(default_factory=dict)
    """By warehouse id; the keys are the warehouses the SKU is assigned to."""
    committed: dict[str, int] = field(default_factory=dict)

    @property
    def total_available(self) -> int:
        """Units for sale in all warehouses."""
        return sum(self.available.values())

    @property
    def total_committed(self) -> int:
        """Units ordered and not shipped."""
        return sum(self.committed.values())


@dataclass(slots=True)
class Product:
    """One product. `preowned`: a unique item, whose quantity is always one."""

    id: str
    title: str
    create_ms: int
    update_ms: int
    skus: list[Sku]
    status: str = "ACTIVATE"
    audit: str = "APPROVED"
    description: str = "<p>Made for the simulation.</p>"
    images: tuple[str, ...] = ()
    brand: str = ""
    category: str = "T-shirts"
    weight: tuple[str, str] = ("0.35", "KILOGRAM")
    """(value, unit) of the package."""
    size: tuple[str, str, str, str] = ("25", "20", "3", "CENTIMETER")
    """(length, width, height, unit) of the package."""
    attributes: tuple[tuple[str, str], ...] = (("Material", "Cotton"),)
    preowned: bool = False

    @property
    def kind(self) -> str:
        """`COMBINED_PRODUCT` for a virtual bundle."""
        return "COMBINED_PRODUCT" if any(sku.bundle for sku in self.skus) else ""
