"""What the exceptions beside an order's way mean: messages to buyers, ids kept at TikTok, the shop's daily limit.

None of them stops an order; part of `ops/cures.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from daemon.ops.cure import RETRY, Cure

BESIDE: Mapping[str, Cure] = {
    "message_rejected": Cure(
        "TikTok does not take the message or the order card for this buyer. The order itself is not affected.",
        "Read TikTok's reason. Words that it calls sensitive: change ORDERS_MESSAGE and restart. A buyer who may not "
        "be written to: dismiss it, or write in Seller Center.",
    ),
    "message_quota": Cure(
        "TikTok's customer-service calls of the day are used up; the messages wait for the shop's next day.",
        "Nothing to do. If it comes again, switch ORDERS_SEND_ORDER_CARD or ORDERS_MESSAGE off, or see which other app "
        "uses the calls.",
    ),
    "message_trouble": Cure(
        "TikTok's customer service failed several times; the order itself is not affected.",
        f"{RETRY} later: what was sent already is found and not sent twice.",
    ),
    "reference_refused": Cure(
        "TikTok does not take Pipe17's id for this order. The order itself is not affected.",
        f"Read TikTok's reason; {RETRY} once, else dismiss it. ORDERS_PUSH_REFERENCES=false writes none.",
    ),
    "order_limit_near": Cure(
        "The shop has 80 % of the orders that ORDERS_DAILY_LIMIT says TikTok allows it today. All are taken in.",
        "Slow down what brings orders (advertising, LIVE) until the shop's next day. Closes by itself then. Take "
        "ORDERS_DAILY_LIMIT out once Seller Center shows that the probation is over.",
    ),
    "order_limit_reached": Cure(
        "The shop has all the orders that ORDERS_DAILY_LIMIT says TikTok allows it today. All are taken in.",
        "Look into Seller Center whether TikTok has paused the sales. Closes by itself with the shop's next day; "
        "correct ORDERS_DAILY_LIMIT if the limit is another one by now.",
    ),
}
