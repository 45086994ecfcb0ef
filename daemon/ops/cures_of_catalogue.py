"""What the exceptions of products, stock and locations mean, and what a person does; part of `ops/cures.py`."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.ops.cure import Cure

CATALOGUE: Mapping[str, Cure] = {
    "sku_duplicate": Cure(
        "Two TikTok SKUs carry the same seller SKU, so Pipe17 can show only one of them.",
        "Give each its own seller SKU in Seller Center; it goes away with the next reading. Until then both get the "
        "stock of that SKU.",
    ),
    "integration_unknown": Cure(
        "Pipe17 has SKUs of this product from somebody else, and which integration is ours is not known yet.",
        "Set PIPE17_INTEGRATION_ID to the id of the integration that the key belongs to; without it, it is learnt "
        "from the first record that is created.",
    ),
    "stock_of_bundle": Cure(
        "TikTok derives the stock of a bundle from its parts.",
        "Nothing to do: the stock of the parts is pushed; dismiss it.",
    ),
    "stock_shared": Cure(
        "The stock of this SKU is shared with other listings of the seller.",
        "Set it where the listings are kept together in Seller Center, or end the sharing there.",
    ),
    "stock_locked_by_campaign": Cure(
        "A campaign holds the stock of this SKU, and TikTok does not let it be lowered.",
        "Take the SKU out of the campaign in Seller Center if the stock is really less; otherwise wait for its end.",
    ),
    "stock_of_platform_warehouse": Cure(
        "TikTok keeps the stock of its own warehouses by itself.",
        "Nothing to do; dismiss it.",
    ),
    "stock_in_global_screen": Cure(
        "TikTok takes the stock of this SKU only for all markets together.",
        "Set it in the global products of Seller Center.",
    ),
    "warehouse_set_wrong": Cure(
        "TikTok assigned other warehouses to the SKU than those that were named, or one of them is disabled.",
        "Look at the SKU's warehouses and the shop's in Seller Center; then run `tiktok-pipe17 retry`.",
    ),
    "quantity_out_of_range": Cure(
        "TikTok does not take this quantity.",
        "Look at the limits of the listing in Seller Center; a listing that may not have 0 is taken off sale there.",
    ),
    "preowned_quantity": Cure(
        "A pre-owned piece has a quantity of one, and TikTok takes no other.",
        "Take the listing off sale in Seller Center when the piece is sold.",
    ),
    "product_not_live": Cure(
        "The product's status does not allow it: it is frozen, deleted, or taken down by TikTok.",
        "Look at the product in Seller Center; what waits goes on when it is on sale again.",
    ),
    "product_unknown": Cure(
        "TikTok does not have the product, or it belongs to another shop.",
        "Check that the daemon serves the right shop (`status` names it); dismiss it when the product was deleted.",
    ),
    "too_many_hits": Cure(
        "More than 10,000 products were changed within one second, more than TikTok shows.",
        "Change some of them again, so that their update times differ; report it.",
    ),
}
"""Code to meaning and cure."""
