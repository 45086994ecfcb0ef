"""A cancel that TikTok refuses while the order becomes known as cancelled is over, whichever comes first."""

from __future__ import annotations

import pytest
from store_bench import Bench, change, wanted

from daemon.core.lifecycle import State
from daemon.core.owed import Refused
from daemon.flows.cancelled_orders import CancelledOrders


@pytest.mark.parametrize(("standing", "state"), [("cancelled", State.DROPPED), ("released", State.DEAD)])
def test_a_refusal_that_comes_after_the_news_is_over_at_once(standing: str, state: State) -> None:
    bench = Bench()
    bench.stage(change("o1"), wanted("a", payload={"standing": standing}))
    bench.stage(change("f1", group="o1"), wanted("a"), flow="fulfillments")
    refused, row = Refused("cancel_refused", "no line cancels here"), bench.claim_one("fulfillments")
    bench.finish(row, refused)
    bench.do(lambda tx: CancelledOrders().finished(tx, row, refused, bench.now_ms))
    assert bench.row("f1", "fulfillments").state is state
    assert set(bench.open_exceptions("fulfillments", "f1")) == (set() if state is State.DROPPED else {"cancel_refused"})
    assert bench.tally() == bench.counted()
