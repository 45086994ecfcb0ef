"""Calls about cancellations: the seller's own, and answers to the buyer's requests."""

from __future__ import annotations

from daemon.sandbox.tiktok.cancellations import STATUSES
from daemon.sandbox.tiktok.route import IDS, WINDOW, Route
from daemon.sandbox.tiktok.shapes import Many, Members, Text, Whole

AFTERSALES = ("seller.return_refund.basic",)
CANCELLATIONS = Members(
    {
        **WINDOW,
        "cancel_ids": IDS,
        "order_ids": IDS,
        "buyer_user_ids": IDS,
        "cancel_types": Many(Text(frozenset({"CANCEL", "BUYER_CANCEL"}))),
        "cancel_status": Many(Text(STATUSES)),
        "locale": Text(),
    }
)
CANCEL = Members(
    {
        "order_id": Text(),
        "cancel_reason": Text(),
        "skus": Many(Members({"sku_id": Text(), "quantity": Whole()}, frozenset({"sku_id", "quantity"}))),
        "order_line_item_ids": IDS,
        "order_line_list": Many(
            Members({"order_line_item_id": Text(), "sub_order_line_item_id": Text()}, frozenset({"order_line_item_id"}))
        ),
    },
    frozenset({"order_id", "cancel_reason"}),
)
IMAGE = Members({"image_id": Text(), "mime_type": Text(), "width": Whole(), "height": Whole()}, frozenset({"image_id"}))
REJECTION = Members({"reject_reason": Text(), "comment": Text(), "images": Many(IMAGE)}, frozenset({"reject_reason"}))
PAGED = {"page_size": False, "page_token": False, "sort_field": False, "sort_order": False}
ASKS = {"initiate_aftersale_user": False, "request_types": False}
ONE_TRY = {"idempotency_key": False}

CANCELLATION_ROUTES = (
    *(
        route
        for version in ("202309", "202602")
        for route in (
            Route(
                "cancellations.search",
                "POST",
                f"/return_refund/{version}/cancellations/search",
                AFTERSALES,
                query=PAGED,
                body=CANCELLATIONS,
            ),
            Route("cancellations.cancel", "POST", f"/return_refund/{version}/cancellations", AFTERSALES, body=CANCEL),
            Route(
                "cancellations.eligibility",
                "GET",
                f"/return_refund/{version}/orders/{{order_id}}/aftersale_eligibility",
                AFTERSALES,
                query=ASKS,
            ),
        )
    ),
    Route(
        "cancellations.approve",
        "POST",
        "/return_refund/202309/cancellations/{cancel_id}/approve",
        AFTERSALES,
        query=ONE_TRY,
        body=Members(),
    ),
    Route(
        "cancellations.reject",
        "POST",
        "/return_refund/202309/cancellations/{cancel_id}/reject",
        AFTERSALES,
        query=ONE_TRY,
        body=REJECTION,
    ),
    Route(
        "cancellations.reject_reasons",
        "GET",
        "/return_refund/202309/reject_reasons",
        AFTERSALES,
        query={"return_or_cancel_id": True, "locale": False},
    ),
)
