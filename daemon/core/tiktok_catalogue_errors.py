"""What TikTok's refusals about products and stock mean for us, by code: the catalogue's part of `tiktok_errors.RULES`.

`REFUSED` are refusals for good until somebody or something changes; their word names the exception, or what the stock
flow does about the SKU. They come for a whole call, or for one SKU of an inventory update that says success: a flow
that reads the latter asks `word_of`. A code of the catalogue that is not here is tried a few times and then shown.
"""

from __future__ import annotations

from collections.abc import Mapping

REFUSED: Mapping[str, tuple[int, ...]] = {
    "stock_of_bundle": (12052708, 12052850),
    "stock_shared": (12052503, 12052921),
    "stock_locked_by_campaign": (12052393,),
    "stock_of_platform_warehouse": (12052144, 12052382),
    "stock_in_global_screen": (12052141,),
    "warehouse_set_wrong": (
        *(12019022, 12019028, 12052037, 12052096, 12052097, 12052115, 12052516),
        *(12052530, 12052531, 12052532, 12052533, 12052534, 12052555),
    ),
    "quantity_out_of_range": (12019024, 12052055),
    "preowned_quantity": (12052159,),
    "product_not_live": (12019113, 12052901),
    "product_unknown": (12052032, 12052034, 12052048, 12052260),
    "too_many_hits": (12052180,),
    "bad_request": (
        *(12052030, 12052031, 12019120, 12019027, 12019087, 12052553, 12052557, 12019108, 12019109, 12019118),
        *(12019119, 12052547, 12052910, 12052990, 12052309, 12052310, 12052311, 12052312, 12052313, 12052490),
    ),
}
"""Word to codes; sources: tiktok-catalog 3.1, 1.11, 1.12 and 6."""

INTERNAL = (12001000, 12052372, 12052881)
BUSY = (12052109,)

_WORDS: Mapping[int, str] = {code: word for word, codes in REFUSED.items() for code in codes}


def word_of(code: int) -> str:
    """Our word for a code inside `data.errors`; `tiktok_<code>` for one that nobody documented."""
    return _WORDS.get(code, f"tiktok_{code}")
